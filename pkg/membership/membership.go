// Package membership describes the members of a cluster that does not exist
// yet, with the member and cluster IDs that etcd itself would compute.
//
// etcd derives every ID from text: a member's from its peer URLs and the
// cluster token, the cluster's from its members' IDs. The same initial cluster
// and token therefore always give the same IDs, on any host and in any etcd
// since 3.0. This is why a restored cluster needs a fresh token: with the old
// one, a survivor of the old cluster could not tell the new members from its
// former peers.
package membership

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/etcd/client/pkg/v3/types"
)

// ErrInvalid is returned for an initial cluster, a token or a member that is
// malformed or contradicts itself.
var ErrInvalid = errors.New("invalid cluster membership")

// Member is one member of a cluster.
type Member struct {
	ID       uint64
	Name     string
	PeerURLs []string // sorted
	Learner  bool
}

// Cluster is a membership that etcd would accept for bootstrapping: at least
// one voter, every name and every peer URL used once.
type Cluster struct {
	ID      uint64
	Token   string
	Members []Member // sorted by ID
}

// New builds the cluster that etcd would bootstrap from initialCluster, the
// value of etcd's --initial-cluster ("m0=http://10.0.0.1:2380,m1=..."; a name
// may appear several times, once per peer URL). The members named in learners
// do not vote.
func New(initialCluster, token string, learners []string) (*Cluster, error) {
	if token == "" {
		return nil, fmt.Errorf("%w: the cluster token is empty", ErrInvalid)
	}
	urls, err := parse(initialCluster)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c := &Cluster{Token: token}
	for name, us := range urls {
		m := Member{
			ID:       memberID(us, token),
			Name:     name,
			PeerURLs: us,
			Learner:  slices.Contains(learners, name),
		}
		c.Members = append(c.Members, m)
	}
	slices.SortFunc(c.Members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	if err := c.check(learners); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c.ID = clusterID(c.Members)
	return c, nil
}

// check finds what makes a set of well-formed members unusable as a cluster.
func (c *Cluster) check(learners []string) error {
	for _, name := range learners {
		if _, ok := c.Member(name); !ok {
			return fmt.Errorf("learner %q is no member of the initial cluster, which has %s", name, c.names())
		}
	}
	if len(c.Voters()) == 0 {
		return errors.New("every member is a learner, so none could vote or lead")
	}
	for i, m := range c.Members {
		switch {
		case m.ID == 0:
			return fmt.Errorf("member %q gets the ID 0, which raft cannot use: choose another token", m.Name)
		case i > 0 && m.ID == c.Members[i-1].ID:
			return fmt.Errorf("members %q and %q get the same ID %x: choose another token", c.Members[i-1].Name, m.Name, m.ID)
		}
	}
	return nil
}

// Member returns the member with this name.
func (c *Cluster) Member(name string) (Member, bool) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return c.Members[i], true
}

// Voters returns the IDs of the members that vote, in ascending order.
func (c *Cluster) Voters() []uint64 { return c.ids(false) }

// Learners returns the IDs of the members that do not vote, in ascending order.
func (c *Cluster) Learners() []uint64 { return c.ids(true) }

func (c *Cluster) ids(learner bool) []uint64 {
	var ids []uint64
	for _, m := range c.Members {
		if m.Learner == learner {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// InitialCluster returns the membership as a value for etcd's
// --initial-cluster. New reads it back to the same members.
func (c *Cluster) InitialCluster() string {
	var pairs []string
	for _, m := range c.Members {
		for _, u := range m.PeerURLs {
			pairs = append(pairs, m.Name+"="+u)
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, ",")
}

// CheckAdvertised reports whether the member may advertise these peer URLs,
// by the rule with which etcd starts: they must be those of the initial
// cluster. Where etcd goes on to compare what the host names resolve to, this
// compares the text only, since a restore must not depend on DNS.
func (c *Cluster) CheckAdvertised(name string, urls []string) error {
	m, ok := c.Member(name)
	if !ok {
		return fmt.Errorf("%w: member %q is not in the initial cluster, which has %s", ErrInvalid, name, c.names())
	}
	parsed, err := types.NewURLs(urls)
	if err != nil {
		return fmt.Errorf("%w: advertised peer URLs of member %q: %w", ErrInvalid, name, err)
	}
	if advertised := parsed.StringSlice(); !slices.Equal(advertised, m.PeerURLs) {
		return fmt.Errorf("%w: member %q advertises the peer URLs %s but has %s in the initial cluster",
			ErrInvalid, name, strings.Join(advertised, ","), strings.Join(m.PeerURLs, ","))
	}
	return nil
}

// names lists the members' names for an error message.
func (c *Cluster) names() string {
	var names []string
	for _, m := range c.Members {
		names = append(names, fmt.Sprintf("%q", m.Name))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// JSON returns the member as etcd writes it in the members bucket of the db
// and in the context of the configuration change that adds it.
func (m Member) JSON() ([]byte, error) {
	return json.Marshal(struct {
		ID       uint64   `json:"id"`
		PeerURLs []string `json:"peerURLs"`
		Learner  bool     `json:"isLearner,omitempty"`
		Name     string   `json:"name,omitempty"`
	}{m.ID, m.PeerURLs, m.Learner, m.Name})
}
