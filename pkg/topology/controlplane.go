package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// ControlPlane is what nodes, Kubernetes and etcd say, joined.
type ControlPlane struct {
	Time          time.Time   `json:"time"`
	ClusterID     string      `json:"clusterID,omitempty"` // of etcd, in hexadecimal
	MembersFrom   string      `json:"membersFrom"`         // who tells which members there are
	Kubernetes    *Kubernetes `json:"kubernetes,omitempty"`
	KubernetesErr string      `json:"kubernetesError,omitempty"`
	Nodes         []Node      `json:"nodes"` // by name
	Runs          []Run       `json:"unfinishedRuns"`
	Findings      []Finding   `json:"findings"`
	Verdict       Verdict     `json:"verdict"`
}

// Node is a node, the member on it, or both.
type Node struct {
	Name     string  `json:"name"`             // of the member, or else of the node
	Host     string  `json:"host,omitempty"`   // what the transport calls it; "" if it was not asked
	Member   *Member `json:"member,omitempty"` // as the cluster lists it; nil if it lists none
	State    State   `json:"state"`
	Excluded bool    `json:"excluded"`
	Ready    *bool   `json:"ready,omitempty"`  // as Kubernetes says
	Error    string  `json:"error,omitempty"`  // why there is no report
	Report   *Report `json:"report,omitempty"` // what it tells itself
}

// Voter reports whether the node counts for a quorum.
func (n *Node) Voter() bool { return n.Member != nil && !n.Member.Learner }

// New joins what was told. It fails with ErrChoice only.
func New(told Told, choice Choice) (*ControlPlane, error) {
	c := &ControlPlane{Time: told.Time, Runs: []Run{}, Findings: []Finding{}}
	if told.KubernetesErr != nil {
		c.KubernetesErr = told.KubernetesErr.Error()
	}
	for _, a := range told.Answers {
		n := Node{Host: a.Host, Report: a.Report}
		if a.Err != nil {
			n.Error = a.Err.Error()
		}
		c.Nodes = append(c.Nodes, n)
	}
	if told.Kubernetes != nil && c.knows(told.Kubernetes) {
		c.Kubernetes = told.Kubernetes
	}
	list, err := c.members(choice.Members)
	if err != nil {
		return nil, err
	}
	c.join(list)
	c.addKubeNodes()
	for i, a := range told.Answers {
		for _, r := range a.Runs {
			r.Node = c.Nodes[i].Name
			c.Runs = append(c.Runs, r)
		}
	}
	slices.SortStableFunc(c.Nodes, func(a, b Node) int { return cmp.Compare(a.Name, b.Name) })
	for i := range c.Nodes {
		c.Nodes[i].State = c.stateOf(&c.Nodes[i])
	}
	if err := c.exclude(choice.Exclude); err != nil {
		return nil, err
	}
	c.find(told)
	c.judge(told)
	return c, nil
}

// knows reports whether an API server is that of these nodes: the kubeconfig of a person
// in a hurry may name another cluster's.
func (c *ControlPlane) knows(k *Kubernetes) bool {
	told := false
	for _, n := range c.Nodes {
		for _, host := range n.hosts() {
			told = true
			if slices.ContainsFunc(k.Nodes, func(kn KubeNode) bool { return slices.Contains(kn.Addresses, host) }) {
				return true
			}
		}
	}
	return !told // then they came from there
}

// exclude leaves nodes out.
func (c *ControlPlane) exclude(names []string) error {
	for _, name := range names {
		n := c.Node(name)
		if n == nil {
			return hint.New(fmt.Errorf("%w: %q is none of them, which are %s", ErrChoice, name, strings.Join(c.names(), ", ")), "name one of these")
		}
		n.Excluded = true
	}
	return nil
}

// Node finds a node by its name, or by what the transport calls it.
func (c *ControlPlane) Node(name string) *Node {
	for i := range c.Nodes {
		if n := &c.Nodes[i]; n.Name == name || n.Host != "" && n.Host == name {
			return n
		}
	}
	return nil
}

func (c *ControlPlane) names() (names []string) {
	for _, n := range c.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// InitialCluster is who makes up the restored cluster, as etcd's --initial-cluster has
// it: the members that are not left out.
func (c *ControlPlane) InitialCluster() string {
	var pairs []string
	for _, n := range c.Nodes {
		if n.Excluded || n.Member == nil {
			continue
		}
		for _, u := range n.Member.PeerURLs {
			pairs = append(pairs, n.Name+"="+u)
		}
	}
	return strings.Join(pairs, ",")
}
