package etcdrestore

import (
	"net/url"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// anyHost stands where only the person knows how ssh gets to a node.
const anyHost = "[USER@]HOST"

// rejoin is the command that brings a node back, with all flags that lead to the others and
// to the node itself, to be pasted.
func (o *ClusterOptions) rejoin(plane *topology.ControlPlane, name string) string {
	text := o.command("rejoin " + output.Quote(name))
	if len(o.SSH) == 0 {
		return text // helper pods find all; of --local alone there is no other
	}
	host := o.hostOf(plane, name)
	switch {
	case host == "":
		return text + " --ssh " + anyHost
	case slices.ContainsFunc(o.SSH, func(given string) bool { return ssh.NameOf(given) == host }):
		return text // it is in the way
	case plane.Node(name).Host != "": // this machine
		return text
	}
	return text + " --ssh " + output.Quote(o.user()+host)
}

// lead gives the command at the end of some advice the flags that lead to the nodes.
func (o *ClusterOptions) lead(advice string) string {
	words, verb, found := strings.Cut(advice, "kubectl etcd-restore ")
	if !found {
		return advice
	}
	return words + o.command(verb)
}

// hostOf is where a node is: as the transport calls it, or as its peer URL does, "" where
// neither is known.
func (o *ClusterOptions) hostOf(plane *topology.ControlPlane, name string) string {
	if plane == nil {
		return ""
	}
	n := plane.Node(name)
	if n == nil {
		return ""
	}
	if n.Host != "" || n.Member == nil || len(n.Member.PeerURLs) == 0 {
		return n.Host
	}
	u, err := url.Parse(n.Member.PeerURLs[0])
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// user is that of the other hosts.
func (o *ClusterOptions) user() string {
	if len(o.SSH) > 0 {
		if user, _, found := strings.Cut(strings.TrimPrefix(o.SSH[0], "ssh://"), "@"); found {
			return user + "@"
		}
		return ""
	}
	return "root@"
}
