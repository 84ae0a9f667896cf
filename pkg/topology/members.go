package topology

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// members are those of the cluster: the word of a person, else the list of the member
// that has applied most, else what the manifests say.
func (c *ControlPlane) members(told string) ([]Member, error) {
	list := c.listed()
	if told == "" {
		return list, nil
	}
	wanted, err := parseMembers(told)
	if err != nil {
		return nil, err
	}
	c.MembersFrom = "--members"
	for i, m := range wanted {
		same := slices.IndexFunc(list, func(l Member) bool { return l.Name == m.Name || sharesURL(l.PeerURLs, m.PeerURLs) })
		if same >= 0 {
			wanted[i].ID, wanted[i].Learner = list[same].ID, list[same].Learner
		}
	}
	return wanted, nil
}

// parseMembers reads NAME=URL,...; a name may come several times.
func parseMembers(text string) (members []Member, err error) {
	for pair := range strings.SplitSeq(text, ",") {
		name, raw, found := strings.Cut(strings.TrimSpace(pair), "=")
		u, urlErr := url.Parse(raw)
		if !found || name == "" || urlErr != nil || u.Host == "" {
			return nil, hint.New(fmt.Errorf("%w: %q is no member", ErrChoice, pair), "write NAME=URL,..., with the peer URLs: cp1=https://10.0.0.1:2380")
		}
		if i := slices.IndexFunc(members, func(m Member) bool { return m.Name == name }); i >= 0 {
			members[i].PeerURLs = append(members[i].PeerURLs, raw)
			continue
		}
		members = append(members, Member{Name: name, PeerURLs: []string{raw}})
	}
	return members, nil
}

// listed are the members of the cluster that most of the nodes are in, of which those
// that serve count first.
func (c *ControlPlane) listed() []Member {
	type standing struct{ serve, nodes int }
	clusters := map[string]standing{}
	for _, n := range c.Nodes {
		if r := n.Report; r != nil && len(r.Data.Members) > 0 {
			s := clusters[r.Data.ClusterID]
			s.nodes++
			if r.Health.Serves {
				s.serve++
			}
			clusters[r.Data.ClusterID] = s
		}
	}
	var best *Report
	for _, n := range c.Nodes {
		r := n.Report
		if r == nil || len(r.Data.Members) == 0 {
			continue
		}
		if best == nil || cmp.Or(
			cmp.Compare(clusters[r.Data.ClusterID].serve, clusters[best.Data.ClusterID].serve),
			cmp.Compare(clusters[r.Data.ClusterID].nodes, clusters[best.Data.ClusterID].nodes),
			cmp.Compare(r.Data.ConsistentIndex, best.Data.ConsistentIndex),
		) > 0 {
			best = r
		}
	}
	if best == nil {
		return c.fromManifests()
	}
	c.ClusterID = best.Data.ClusterID
	c.MembersFrom = "the member list of " + cmp.Or(best.Etcd.Name, best.Hostname)
	return slices.Clone(best.Data.Members)
}

// fromManifests is what remains where all data are gone.
func (c *ControlPlane) fromManifests() (list []Member) {
	c.MembersFrom = "the manifests"
	for _, n := range c.Nodes {
		if r := n.Report; r != nil && r.Etcd.Name != "" && len(r.Etcd.PeerURLs) > 0 {
			list = append(list, Member{Name: r.Etcd.Name, PeerURLs: r.Etcd.PeerURLs})
		}
	}
	return list
}

// join gives each member its node, and makes one for a member that has none.
func (c *ControlPlane) join(list []Member) {
	joined := make([]bool, len(list))
	for _, match := range []func(*Node, Member) bool{c.byID, byName, byURL, byHost} {
		for i := range list {
			m := &list[i]
			if joined[i] {
				continue
			}
			for j := range c.Nodes {
				if n := &c.Nodes[j]; n.Member == nil && match(n, *m) {
					n.Member, joined[i] = m, true
					break
				}
			}
		}
	}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		n.Name = n.Host
		if r := n.Report; r != nil {
			n.Name = cmp.Or(r.Etcd.Name, r.Hostname, n.Host)
		}
		if n.Member != nil {
			n.Name = n.Member.name()
		}
	}
	for i := range list {
		if m := &list[i]; !joined[i] {
			c.Nodes = append(c.Nodes, Node{Name: m.name(), Member: m})
		}
	}
}

// name is that of a member, or where it should be if it never started.
func (m *Member) name() string {
	if m.Name == "" && len(m.PeerURLs) > 0 {
		return hostOf(m.PeerURLs[0])
	}
	return cmp.Or(m.Name, m.ID)
}

func (c *ControlPlane) byID(n *Node, m Member) bool {
	return n.Report != nil && m.ID != "" && n.Report.Data.MemberID == m.ID && n.Report.Data.ClusterID == c.ClusterID
}

func byName(n *Node, m Member) bool {
	return n.Report != nil && m.Name != "" && n.Report.Etcd.Name == m.Name
}

func byURL(n *Node, m Member) bool {
	return n.Report != nil && sharesURL(n.Report.Etcd.PeerURLs, m.PeerURLs)
}

// byHost is for a node that tells nothing, and for one whose manifest is gone.
func byHost(n *Node, m Member) bool {
	if n.Report != nil && n.Report.Etcd.Name != "" {
		return false
	}
	if n.Report != nil && n.Report.Hostname == m.Name {
		return true
	}
	return n.Host == m.Name || slices.ContainsFunc(m.PeerURLs, func(u string) bool { return hostOf(u) == n.Host })
}

// hosts are the addresses by which the node may be known elsewhere.
func (n *Node) hosts() (hosts []string) {
	if n.Report == nil {
		return nil
	}
	for _, u := range slices.Concat(n.Report.Etcd.PeerURLs, n.Report.Etcd.ClientURLs) {
		hosts = append(hosts, hostOf(u))
	}
	return hosts
}

// addKubeNodes takes over what Kubernetes says of each node, and adds those that nobody
// else has told of.
func (c *ControlPlane) addKubeNodes() {
	if c.Kubernetes == nil {
		return
	}
	for _, kn := range c.Kubernetes.Nodes {
		i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.is(kn) })
		if i < 0 {
			c.Nodes = append(c.Nodes, Node{Name: kn.Name})
			i = len(c.Nodes) - 1
		}
		ready := kn.Ready
		c.Nodes[i].Ready = &ready
	}
}

// is reports whether the node is the one that Kubernetes means.
func (n *Node) is(kn KubeNode) bool {
	if n.Name == kn.Name || n.Host == kn.Name || n.Report != nil && n.Report.Hostname == kn.Name {
		return true
	}
	hosts := append(n.hosts(), n.Host)
	if n.Member != nil {
		for _, u := range n.Member.PeerURLs {
			hosts = append(hosts, hostOf(u))
		}
	}
	return slices.ContainsFunc(hosts, func(h string) bool { return h != "" && slices.Contains(kn.Addresses, h) })
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func sharesURL(a, b []string) bool {
	return slices.ContainsFunc(a, func(u string) bool { return slices.Contains(b, u) })
}
