package preflight

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// members wants the plan to name this member as its manifest does, and the others
// as the old cluster knew them.
func (s *subject) members(context.Context) []Finding {
	if s.Unplanned {
		return noPlan()
	}
	e := s.Facts.Etcd
	if e.Err != nil || e.FlagsErr != nil {
		return skip("the member's name is not known, see EtcdManifest and EtcdFlags")
	}
	if s.Cluster == nil {
		return bad(hint.New(fmt.Errorf("%w: the plan has no members", ErrMembers), "name them: --member NAME=URL"))
	}
	if err := s.Cluster.CheckAdvertised(e.Name, e.PeerURLs); err != nil {
		return bad(hint.New(fmt.Errorf("%w: what %s says of this member is not what the plan says: %w", ErrMembers, e.File.Path, err),
			"--name and --initial-advertise-peer-urls in the manifest are what counts: make the plan with --member %s=%s", e.Name, strings.Join(e.PeerURLs, ",")))
	}
	var found []Finding
	old, _ := s.oldMembers(nil)
	for _, was := range old {
		m, ok := s.Cluster.Member(was.Name)
		if ok && !slices.ContainsFunc(m.PeerURLs, func(u string) bool { return slices.Contains(was.PeerURLs, u) }) {
			found = append(found, warn(hint.New(fmt.Errorf("%w: member %q was at %q, the plan has it at %q", ErrMembers, was.Name, was.PeerURLs, m.PeerURLs),
				"if its address has not changed, make the plan again with the right one"))...)
		}
	}
	return found
}

// oldMembers are the members of the old cluster, and who says so: its own data, or,
// if they are gone, the snapshot.
func (s *subject) oldMembers(c *contents) ([]schema.Member, string) {
	if m := s.Facts.Data.Source.Members; len(m) > 0 {
		return m, s.Facts.Data.Source.String()
	}
	if c != nil {
		return c.facts.Members, s.Snapshot.Path
	}
	return nil, ""
}

// oldQuorum wants so many voters of the old cluster in the plan, or gone, that the
// rest cannot go on by themselves (invariant I6), not even with those in the plan that may
// go back alone. All in the plan are stopped before any new member starts, which is proved
// then; of the rest nothing is known.
func (s *subject) oldQuorum(ctx context.Context) []Finding {
	if s.Unplanned {
		return noPlan()
	}
	if s.Cluster == nil { // Members can be ignored, this cannot
		return bad(hint.New(fmt.Errorf("%w: the plan has no members, so that nothing is known to be stopped", ErrTwoQuorums), "name them: --member NAME=URL"))
	}
	c, err := s.usable(ctx)
	if err != nil {
		c = nil
	}
	old, source := s.oldMembers(c)
	voters, left := OldVoters{Source: source, Members: len(s.Cluster.Members)}, map[string]bool{}
	for _, m := range old {
		if m.IsLearner {
			continue
		}
		voters.All++
		switch {
		case s.planned(m):
			voters.Planned++
		case !slices.Contains(s.Destroyed, m.Name):
			left[nameOf(m)] = true
		}
	}
	if voters.All == 0 {
		return warn(fmt.Errorf("who the members of the old cluster were is not known: any that is not in the plan must be off"))
	}
	if len(left) == 0 {
		return nil
	}
	voters.Running = slices.Sorted(maps.Keys(left))
	if err := voters.Check(); err != nil {
		return bad(hint.New(err,
			"make one plan for all, and run it on every node: kubectl etcd-restore node plan %s%s -o json > plan.json; for a machine that is gone for good say --assert-destroyed NAME", hint.Path(s.Snapshot.Path), flags(old, left)))
	}
	return warn(fmt.Errorf("%s of the old cluster, as %s has it, is not in the plan: it must not boot with its old data", strings.Join(voters.Running, ", "), source))
}

// flags name those members of the old cluster that are left out.
func flags(old []schema.Member, left map[string]bool) string {
	var b strings.Builder
	for _, m := range old {
		if left[nameOf(m)] && m.Name != "" && len(m.PeerURLs) > 0 {
			fmt.Fprintf(&b, " --member %s", hint.Path(m.Name+"="+m.PeerURLs[0]))
		}
	}
	return b.String()
}

// planned reports whether a member of the old cluster is on the machine of one of the
// new, to judge by its name or an address.
func (s *subject) planned(m schema.Member) bool {
	if _, ok := s.Cluster.Member(m.Name); ok {
		return true
	}
	for _, n := range s.Cluster.Members {
		if slices.ContainsFunc(n.PeerURLs, func(u string) bool { return slices.Contains(m.PeerURLs, u) }) {
			return true
		}
	}
	return false
}

// nameOf is a name to print: what etcd was given may hold anything.
func nameOf(m schema.Member) string {
	if m.Name == "" {
		return fmt.Sprintf("%q", m.PeerURLs)
	}
	return fmt.Sprintf("%q", m.Name)
}
