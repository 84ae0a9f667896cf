package topology

import (
	"fmt"
	"strings"
)

// quorate is for a cluster that serves: nothing needs to be restored.
func (c *ControlPlane) quorate() bool {
	v := &c.Verdict
	if v.Serving < v.Quorum {
		return false
	}
	v.State = StateDegraded
	healthy := fmt.Sprintf("%d of %d members healthy", v.Serving, v.Voters)
	outside := c.outside()
	switch {
	case v.Serving < v.Voters:
		v.Message = healthy + ": no restore needed" + c.mend() + c.bringBack(outside)
	case len(outside) > 0:
		v.Message = healthy + ": no restore needed." + c.bringBack(outside)
	case c.ill():
		v.Message = healthy + ": no restore needed. See to what is listed above."
		c.lookAfter()
	default:
		v.State, v.Message = StateHealthy, healthy+"."
		c.step(DoSave, "", "")
	}
	return true
}

// ill reports whether anything at all is wrong.
func (c *ControlPlane) ill() bool {
	for _, f := range c.Findings {
		if f.Kind != Excluded && f.Kind != KubernetesPartly {
			return true
		}
	}
	return false
}

// lookAfter names the first commands that help, or show why.
func (c *ControlPlane) lookAfter() {
	for _, f := range c.Findings {
		if f.Command != "" && len(c.Verdict.Steps) < 2 {
			c.step(DoOn, f.Node, f.Command)
		}
	}
	if len(c.Verdict.Steps) == 0 {
		c.step(DoSave, "", "")
	}
}

// outside are the nodes that are no members and could be: a restore has left them out, or
// somebody has removed them. One without a manifest of etcd is not among them: rejoin
// begins with that.
func (c *ControlPlane) outside() (nodes []*Node) {
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if n.Member != nil || n.Report == nil || n.Excluded {
			continue
		}
		switch n.State {
		case Foreign, Stopped, Damaged, NoData:
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// bringBack makes members of nodes that are none.
func (c *ControlPlane) bringBack(outside []*Node) string {
	if len(outside) == 0 {
		return ""
	}
	for _, n := range outside {
		if !n.Report.Kubelet.Running { // rejoin wants one
			c.step(DoOn, n.Name, "systemctl start kubelet")
		}
		c.step(DoRejoin, n.Name, "")
	}
	return fmt.Sprintf(" %s %s: bring %s back with rejoin.", and(names(outside)), pick(len(outside), "is no member", "are no members"), pick(len(outside), "it", "them"))
}

// mend says what becomes of the members that do not serve.
func (c *ControlPlane) mend() string {
	var text strings.Builder
	if gone := c.in(NoData, Damaged, Foreign, NoEtcd); len(gone) > 0 {
		fmt.Fprintf(&text, ", replace %s", and(names(gone)))
		for _, n := range gone {
			c.step(DoRejoin, n.Name, "")
		}
	}
	if stopped := c.in(Stopped); len(stopped) > 0 {
		fmt.Fprintf(&text, ", start %s: %s data are whole", and(names(stopped)), pick(len(stopped), "its", "their"))
		for _, n := range stopped {
			c.start(n)
		}
	}
	text.WriteString(".")
	if odd := c.in(Hanging, NoLeader, Unseen); len(odd) > 0 {
		fmt.Fprintf(&text, " %s %s and %s not take part.", and(names(odd)), pick(len(odd), "runs", "run"), pick(len(odd), "does", "do"))
		for _, n := range odd {
			c.step(DoOn, n.Name, n.Report.logs("etcd"))
		}
	}
	if others := c.in(NotAsked); len(others) > 0 {
		fmt.Fprintf(&text, " %s", c.askToo(others))
	}
	if away := c.in(Unreached); len(away) > 0 {
		fmt.Fprintf(&text, " %s cannot be reached: power %s on, or if %s gone for good, remove %s.", and(names(away)),
			pick(len(away), "it", "them"), pick(len(away), "it is", "they are"), pick(len(away), "it", "them"))
		c.step(DoNote, "", "power on "+and(names(away))+", then")
		c.step(DoStatus, "", "")
		c.step(DoNote, "", "only if "+and(names(away))+" "+pick(len(away), "is", "are")+" gone for good")
		for _, n := range away {
			c.step(DoRemove, n.Name, n.Member.ID)
		}
	}
	return text.String()
}

// askToo is for members that nobody said how to get to.
func (c *ControlPlane) askToo(others []*Node) (text string) {
	var stale []string
	var unknown []string
	for _, n := range others {
		if c.stale(n) {
			stale = append(stale, n.Name)
			c.step(DoRemove, n.Name, n.Member.ID)
			continue
		}
		unknown = append(unknown, n.Name)
		c.step(DoAsk, n.Name, address(n.Member))
	}
	if len(unknown) > 0 {
		text = fmt.Sprintf("%s %s not asked: name %s with --ssh, too.", and(unknown), pick(len(unknown), "was", "were"), pick(len(unknown), "it", "them"))
	}
	if len(stale) > 0 {
		text = strings.TrimSpace(fmt.Sprintf("%s %s %s on no node: remove %s.", text, and(stale), pick(len(stale), "is", "are"), pick(len(stale), "it", "them")))
	}
	return text
}

// start is how a member that is whole comes back. It reports whether the command does
// it, rather than show why it has not come back by itself.
func (c *ControlPlane) start(n *Node) bool {
	r := n.Report
	switch {
	case !r.Kubelet.Running && r.Runtime.Error != "":
		c.step(DoOn, n.Name, "systemctl restart containerd")
		c.step(DoOn, n.Name, "systemctl start kubelet")
		return true
	case !r.Kubelet.Running:
		c.step(DoOn, n.Name, "systemctl start kubelet")
		return true
	case r.Etcd.Error != "":
		c.step(DoOn, n.Name, "ls -la "+r.Manifests.Path)
	default:
		c.step(DoOn, n.Name, r.logs("etcd"))
	}
	return false
}
