package etcdrestore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// clusterStatus is the form of status -o json.
type clusterStatus struct {
	TypeMeta
	*topology.ControlPlane
	Next []string `json:"next"` // commands, to be run in this order
}

func (o *StatusOptions) newClusterStatus(plane *topology.ControlPlane) clusterStatus {
	return clusterStatus{TypeMeta{apiVersion, "ControlPlaneStatus"}, plane, o.commands(plane)}
}

// commands are what a person pastes next.
func (o *StatusOptions) commands(plane *topology.ControlPlane) []string {
	all := []string{}
	if plane.Verdict.State == topology.StateUnknown && !told(plane) {
		return append(all, o.Program+" status"+overSSH(plane))
	}
	saved := snapshotName(plane)
	for _, s := range plane.Verdict.Steps {
		if c := o.command(plane, s, saved); c != "" {
			all = append(all, c)
		}
	}
	return all
}

func (o *StatusOptions) command(plane *topology.ControlPlane, s topology.Step, saved string) string {
	ours := func(words ...string) string { return o.Program + " " + strings.Join(words, " ") + o.way() }
	switch s.Do {
	case topology.DoWatch:
		return ours("status", "--watch")
	case topology.DoStatus:
		return ours("status")
	case topology.DoResume, topology.DoRollback:
		return ours(string(s.Do), output.Quote(s.Arg))
	case topology.DoSave:
		return ours("save", saved+salvageFlags(plane.Verdict.Salvage))
	case topology.DoPlan:
		return ours("plan", o.planned(plane, s.Arg, saved)+o.left(plane))
	case topology.DoRejoin:
		return ours("rejoin", output.Quote(s.Node))
	case topology.DoOn:
		return o.on(plane.Node(s.Node), s.Arg)
	case topology.DoNote:
		return "# " + s.Arg + ":"
	case topology.DoAsk:
		return ours("status") + " --ssh " + output.Quote(o.user()+s.Arg)
	case topology.DoRemove:
		return removal(plane, s.Arg)
	}
	return s.Arg
}

// told reports whether any node has told anything.
func told(plane *topology.ControlPlane) bool {
	return slices.ContainsFunc(plane.Nodes, func(n topology.Node) bool { return n.Report != nil })
}

// overSSH is the other way to the nodes, or the same once more.
func overSSH(plane *topology.ControlPlane) (flags string) {
	for _, n := range plane.Nodes {
		flags += " --ssh " + output.Quote("root@"+cmp.Or(n.Host, n.Name))
	}
	return cmp.Or(flags, " --ssh root@HOST --ssh root@HOST --ssh root@HOST")
}

// planned is the snapshot of a plan.
func (o *StatusOptions) planned(plane *topology.ControlPlane, given, saved string) string {
	switch {
	case given != "":
		return output.Quote(given)
	case plane.Verdict.Salvage != nil:
		return saved
	}
	return "SNAPSHOT"
}

// salvageFlags say what save would ask for.
func salvageFlags(s *topology.Salvage) (flags string) {
	if s == nil || s.Running {
		return ""
	}
	if !s.Complete {
		flags += " --tail include"
	}
	if s.Damaged {
		flags += " --allow-partial"
	}
	return flags
}

// left are the flags that leave out what keeps a restore from beginning.
func (o *StatusOptions) left(plane *topology.ControlPlane) (flags string) {
	for _, n := range plane.Nodes {
		out := n.Excluded
		for _, f := range plane.Findings {
			switch f.Kind {
			case topology.NodeUnreachable, topology.NodeNotAsked, topology.NodeWithout, topology.MemberWithout, topology.ClusterOther:
				out = out || f.Node == n.Name && f.Blocks
			}
		}
		if out {
			flags += " --exclude-node " + output.Quote(n.Name)
		}
	}
	if o.Members != "" {
		flags += " --members " + output.Quote(o.Members)
	}
	return flags
}

// on is a command for a node: over ssh if that is the way to it.
func (o *StatusOptions) on(n *topology.Node, command string) string {
	if n == nil {
		return ""
	}
	for _, host := range o.SSH {
		if ssh.NameOf(host) != n.Host {
			continue
		}
		way := "ssh "
		if o.SSHConfig != "" {
			way += "-F " + output.Quote(o.SSHConfig) + " "
		}
		if o.SSHSudo {
			command = "sudo " + command
		}
		return way + output.Quote(host) + " " + command
	}
	return fmt.Sprintf("%s  # on %s", command, n.Name)
}

// removal removes a member whose node is gone.
func removal(plane *topology.ControlPlane, id string) string {
	if plane.Kubernetes == nil || id == "" {
		return ""
	}
	for _, pod := range plane.Kubernetes.Pods {
		if n := plane.Node(pod.Node); n != nil && n.State == topology.Serving {
			const pki = "/etc/kubernetes/pki/etcd/"
			return fmt.Sprintf("kubectl -n kube-system exec %s -- etcdctl --cacert %sca.crt --cert %speer.crt --key %speer.key member remove %s",
				output.Quote(pod.Name), pki, pki, pki, output.Quote(id))
		}
	}
	return ""
}
