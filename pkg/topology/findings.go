package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	NodeUnreachable  Kind = "node-unreachable"
	NodeNotAsked     Kind = "node-not-asked"
	NodeNotReady     Kind = "node-not-ready"
	NodeWithout      Kind = "node-without-member"
	NodeUnhealthy    Kind = "node-unhealthy" // something other than its member
	MemberWithout    Kind = "member-without-node"
	MemberLearner    Kind = "learner"
	MemberRemoved    Kind = "data-of-removed-member"
	MemberTwice      Kind = "same-member-twice"
	ClusterOther     Kind = "other-cluster"
	NameDiffers      Kind = "name-differs"
	URLDiffers       Kind = "peer-url-differs"
	DataDirDiffers   Kind = "data-dir-differs"
	EtcdExternal     Kind = "external-etcd"
	KubernetesOther  Kind = "api-server-of-another-cluster"
	KubernetesPartly Kind = "api-server-incomplete"
	Excluded         Kind = "excluded"
)

// Finding is something that does not agree, or is not as it should be.
type Finding struct {
	Kind    Kind   `json:"kind"`
	Node    string `json:"node,omitempty"`
	Message string `json:"message"`
	Resolve string `json:"resolve,omitempty"` // what a person can do about it
	Command string `json:"command,omitempty"` // to run on the node, which helps or shows why
	Blocks  bool   `json:"blocks"`            // no restore begins before it is resolved
}

func (c *ControlPlane) add(k Kind, n *Node, blocks bool, resolve, format string, args ...any) {
	f := Finding{Kind: k, Message: fmt.Sprintf(format, args...), Resolve: resolve, Blocks: blocks}
	if n != nil {
		f.Node = n.Name
		f.Blocks = blocks && !n.Excluded
	}
	c.Findings = append(c.Findings, f)
}

// find names what disagrees, the worst first.
func (c *ControlPlane) find(told Told) {
	c.findExternal()
	if len(c.External()) > 0 {
		return // nothing else is worth a word
	}
	c.findTwins()
	for i := range c.Nodes {
		c.findAbout(&c.Nodes[i])
	}
	for i := range c.Nodes {
		c.findIll(&c.Nodes[i])
	}
	if c.Kubernetes == nil && told.Kubernetes != nil {
		c.add(KubernetesOther, nil, false, "give --context or --kubeconfig of this cluster",
			"the API server %s is of another cluster: what it says is left out", told.Kubernetes.Server)
	}
	if k := c.Kubernetes; k != nil && len(k.Errors) > 0 {
		c.add(KubernetesPartly, nil, false, "", "not all could be asked of %s: %s", k.Server, strings.Join(k.Errors, "; "))
	}
}

func (c *ControlPlane) findAbout(n *Node) {
	without := "leave it out with --exclude-node " + hint.Path(n.Name)
	rejoin := fmt.Sprintf("bring it back with rejoin %s, or ", hint.Path(n.Name))
	if n.Excluded {
		c.add(Excluded, n, false, "", "%s is left out: it must not boot with its old data", n.Name)
		c.findServing(n)
		return
	}
	switch {
	case n.State == Unreached:
		c.add(NodeUnreachable, n, true, without, "%s cannot be reached: %s", n.Name, n.why())
	case n.State == NotAsked && c.stale(n):
		c.add(MemberWithout, n, true, "remove the member, or "+without, "member %s (%s) is on no node of this cluster", n.Name, n.Member.ID)
	case n.State == NotAsked && n.Member != nil:
		c.add(NodeNotAsked, n, true, fmt.Sprintf("add --ssh %s, or %s", hint.Path(cmp.Or(address(n.Member), n.Name)), without),
			"member %s is on no node that was asked; its peer URL is %s", n.Name, strings.Join(n.Member.PeerURLs, ","))
	case n.State == NotAsked:
		c.add(NodeNotAsked, n, true, fmt.Sprintf("add --ssh %s, or %s", hint.Path(n.Name), without),
			"%s is a control-plane node that was not asked%s", n.Name, c.unlisted())
	case n.Member == nil && n.State == Foreign:
		c.add(ClusterOther, n, true, rejoin+without,
			"the data on %s are of cluster %s, not of %s: a restore may have left it out", n.Name, n.Report.Data.ClusterID, c.ClusterID)
	case n.Member == nil && n.State != NoEtcd:
		c.add(NodeWithout, n, true, rejoin+without+", or name it in --members", "%s is a control-plane node and no member of etcd", n.Name)
	case n.Member == nil:
		c.add(NodeWithout, n, true, without+", or name it in --members", "%s is a control-plane node and no member of etcd", n.Name)
	case n.State == Foreign && n.Report.Data.ClusterID != c.ClusterID:
		c.add(ClusterOther, n, true, without+" and bring it back with rejoin "+n.Name,
			"the data on %s are of cluster %s, not of %s: a restore may have left it out", n.Name, n.Report.Data.ClusterID, c.ClusterID)
	case n.State == Foreign:
		c.add(MemberRemoved, n, false, "",
			"the data on %s are of member %s, and the cluster lists it as %s: it was removed and added again", n.Name, n.Report.Data.MemberID, n.Member.ID)
	}
	c.findNames(n)
	if n.Member != nil && n.Member.Learner {
		c.add(MemberLearner, n, false, "", "%s is a learner: it has no vote, and may not have caught up", n.Name)
	}
	if n.Ready != nil && !*n.Ready {
		c.add(NodeNotReady, n, false, "", "Kubernetes says that %s is not ready", n.Name)
	}
}

// findServing finds an API server that would go on to serve the old data beside the new
// (I7): nobody stops it on a node that is left out.
func (c *ControlPlane) findServing(n *Node) {
	if n.Report == nil {
		return
	}
	for _, component := range n.Report.Manifests.Components {
		if component.Name != "kube-apiserver" || component.Container == nil || component.Container.State != string(cri.Running) {
			continue
		}
		c.Findings = append(c.Findings, Finding{
			Kind: Excluded, Node: n.Name, Blocks: true,
			Message: fmt.Sprintf("%s is left out, and its API server runs: it would go on to serve the old data beside the new", n.Name),
			Resolve: fmt.Sprintf("power %s off, or move the manifests out of %s there; or do not leave it out", n.Name, n.Report.Manifests.Path),
		})
	}
}

// unlisted is what the list of members says of a node that is not on it, if there is one.
func (c *ControlPlane) unlisted() string {
	if slices.ContainsFunc(c.Nodes, func(n Node) bool { return n.Member != nil }) {
		return ", and no member"
	}
	return ""
}

// why is the error of a node, without what is known anyway.
func (n *Node) why() string {
	text := strings.TrimPrefix(n.Error, n.Host+": ")
	return strings.TrimPrefix(strings.TrimPrefix(text, "no connection to the node: "), "ssh: ")
}

// findNames compares what a manifest says with what the cluster lists.
func (c *ControlPlane) findNames(n *Node) {
	if n.Report == nil || n.Member == nil {
		return
	}
	e, m := n.Report.Etcd, n.Member
	members := "say which is right with --members"
	if e.Name != "" && m.Name != "" && e.Name != m.Name {
		c.add(NameDiffers, n, true, members, "the manifest on %s names its member %s, and the cluster lists it as %s", cmp.Or(n.Report.Hostname, n.Host), e.Name, m.Name)
	}
	if len(e.PeerURLs) > 0 && len(m.PeerURLs) > 0 && !sharesURL(e.PeerURLs, m.PeerURLs) {
		c.add(URLDiffers, n, c.MembersFrom != "--members", members, "the manifest on %s has the peer URL %s, and the cluster lists %s",
			n.Name, strings.Join(e.PeerURLs, ","), strings.Join(m.PeerURLs, ","))
	}
	if k := c.Kubernetes; k != nil && k.DataDir != "" && n.Report.Data.Path != "" && n.Report.Data.Path != k.DataDir && !n.Report.Data.Assumed {
		c.add(DataDirDiffers, n, false, "", "kubeadm's configuration has etcd's data in %s, and the manifest on %s in %s", k.DataDir, n.Name, n.Report.Data.Path)
	}
}

// findTwins finds nodes that hold the data of one member, as a cloned machine does.
func (c *ControlPlane) findTwins() {
	for i := range c.Nodes {
		for j := range i {
			a, b := &c.Nodes[j], &c.Nodes[i]
			if a.Report == nil || b.Report == nil || a.Excluded || b.Excluded {
				continue
			}
			if id := a.Report.Data.MemberID; id != "" && id == b.Report.Data.MemberID {
				c.add(MemberTwice, b, true, fmt.Sprintf("leave one out with --exclude-node %s or --exclude-node %s", a.Name, b.Name),
					"%s and %s hold the data of one member, %s: only one may run", a.Name, b.Name, id)
			}
		}
	}
}

// stale reports whether Kubernetes knows no node for a member.
func (c *ControlPlane) stale(n *Node) bool {
	return n.Member != nil && n.Ready == nil && c.Kubernetes != nil && len(c.Kubernetes.Nodes) > 0
}

func address(m *Member) string {
	for _, u := range m.PeerURLs {
		if h := hostOf(u); h != "" && h != "localhost" && !strings.HasPrefix(h, "127.") {
			return h
		}
	}
	return ""
}

// Check returns what has to be resolved before a restore begins: ErrExternal, or
// ErrDisagree with everything that is in its way.
func (c *ControlPlane) Check() error {
	var texts, ways []string
	for _, f := range c.Findings {
		switch {
		case f.Kind == EtcdExternal:
			return hint.New(fmt.Errorf("%w: %s", ErrExternal, f.Message), "%s", f.Resolve)
		case f.Blocks:
			texts = append(texts, f.Message)
			ways = append(ways, f.Resolve)
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return hint.New(fmt.Errorf("%w: %s", ErrDisagree, strings.Join(texts, "; ")), "%s", strings.Join(slices.Compact(ways), "; "))
}
