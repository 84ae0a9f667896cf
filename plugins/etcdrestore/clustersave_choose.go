package etcdrestore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// errNoSource is returned where no member has anything to save.
var errNoSource = errors.New("no member has data that could be saved")

// source is where a snapshot comes from.
type source struct {
	node     *topology.Node
	why      string
	args     []string // for node save
	complete bool     // a salvage that has every acknowledged write: a majority was compared
}

// choose finds the member to save.
func (o *ClusterSaveOptions) choose(plane *topology.ControlPlane) (*source, error) {
	if len(plane.External()) > 0 {
		return nil, plane.Check()
	}
	if o.From != "" {
		return o.named(plane)
	}
	if v := plane.Verdict; v.Voters > 0 && v.Serving >= v.Quorum {
		var serving []*topology.Node
		for i := range plane.Nodes {
			if n := &plane.Nodes[i]; n.Voter() && n.State == topology.Serving {
				serving = append(serving, n)
			}
		}
		best := slices.MaxFunc(serving, func(a, b *topology.Node) int {
			return cmp.Or(cmp.Compare(a.Report.Health.Revision, b.Report.Health.Revision), cmp.Compare(leads(a), leads(b)))
		})
		return &source{node: best, why: "it serves at the highest revision", args: []string{"--from", fromLive}}, nil
	}
	s := plane.Salvage()
	if s == nil {
		return nil, output.WithHint(errNoSource, "see %s", o.Program+" status"+o.way())
	}
	return o.salvaged(plane, s)
}

func leads(n *topology.Node) int {
	if n.Report.Health.IsLeader {
		return 1
	}
	return 0
}

// named is the source that a person chose.
func (o *ClusterSaveOptions) named(plane *topology.ControlPlane) (*source, error) {
	n := plane.Node(o.From)
	switch {
	case n == nil:
		return nil, output.WithHint(fmt.Errorf("--from: %w: %q", topology.ErrChoice, o.From), "name one that %s shows", o.Program+" status"+o.way())
	case n.Report == nil:
		return nil, output.WithHint(fmt.Errorf("%w: %s is %s: %s", errNoSource, n.Name, n.State, n.Error), "name another node, or none")
	case n.State == topology.Serving, n.State == topology.NoLeader:
		return &source{node: n, why: "as --from asks for", args: []string{"--from", fromLive}}, nil
	}
	return &source{node: n, why: "as --from asks for", args: o.salvageArgs(o.Tail)}, nil
}

// salvaged is the source where no quorum serves.
func (o *ClusterSaveOptions) salvaged(plane *topology.ControlPlane, s *topology.Salvage) (*source, error) {
	n := plane.Node(s.From)
	switch {
	case s.Running:
		return &source{node: n, why: "it has no leader, and no other member has a higher revision", args: []string{"--from", fromLive}}, nil
	case s.Complete:
		tail := cmp.Or(o.Tail, string(salvage.TailInclude))
		return &source{node: n, why: "its log reaches furthest of a majority", complete: tail == string(salvage.TailInclude), args: o.salvageArgs(tail)}, nil
	case o.Tail == "":
		return nil, output.WithHint(fmt.Errorf("%w: %s", salvage.ErrNoMajority, plane.Verdict.Message),
			"bring more members back, or take what %s has: --tail include for all that its log has, --tail committed for what is proven", s.From)
	case s.Damaged && !o.AllowPartial:
		return nil, output.WithHint(fmt.Errorf("%w: those on %s are damaged", errNoSource, s.From), "take what can be read: --allow-partial")
	}
	return &source{node: n, why: "its log reaches furthest of those that are left", args: o.salvageArgs(o.Tail)}, nil
}

func (o *ClusterSaveOptions) salvageArgs(tail string) []string {
	args := []string{"--from", fromDataDir}
	if tail != "" {
		args = append(args, "--tail", tail)
	}
	if o.AllowPartial {
		args = append(args, "--allow-partial")
	}
	return args
}
