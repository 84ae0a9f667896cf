package recovery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// configuration is a membership that the old cluster had, by somebody's word.
type configuration struct {
	source  string
	members []topology.Member
}

// configurations are all that are known. Where no node has data any more, that of the
// snapshot is.
func (w *Wish) configurations(inSnapshot []schema.Member) []configuration {
	var all []configuration
	for _, r := range w.reports() {
		if len(r.Data.Members) > 0 {
			all = append(all, configuration{r.Data.Path + " on " + r.Hostname, r.Data.Members})
		}
	}
	if len(all) > 0 {
		return all
	}
	c := configuration{source: w.Snapshot}
	for _, m := range inSnapshot {
		c.members = append(c.members, topology.Member{Name: m.Name, PeerURLs: m.PeerURLs, Learner: m.IsLearner})
	}
	if len(c.members) == 0 {
		return nil
	}
	return []configuration{c}
}

// oldQuorum wants so many voters of the old cluster on the nodes of the plan, or gone,
// that the rest cannot go on by themselves (I6): for every membership that it can have
// had. A node that is left out counts as running, unless somebody vouches for its end.
func (w *Wish) oldQuorum(d *noderestore.Decision, inSnapshot []schema.Member) (warnings []string, err error) {
	cluster, err := d.Cluster()
	if err != nil {
		return nil, err
	}
	all := w.configurations(inSnapshot)
	if len(all) == 0 {
		warnings = append(warnings, "who the members of the old cluster were is not known: any that is not in the plan must be off")
	}
	var left []string
	for _, c := range all {
		voters := c.voters(cluster, d.Destroyed)
		if err := voters.Check(); err != nil {
			return nil, hint.New(err, "bring them in; for a machine that is gone for good say --assert-destroyed NAME")
		}
		left = append(left, voters.Running...)
	}
	slices.Sort(left)
	for _, name := range slices.Compact(left) {
		warnings = append(warnings, fmt.Sprintf("%s is not in the plan: it must not boot with its old data; when it is back:\n%s", name, w.rejoin(name)))
	}
	return warnings, nil
}

func (w *Wish) rejoin(name string) string {
	if w.Rejoin == nil {
		return "kubectl etcd-restore rejoin " + name
	}
	return w.Rejoin(name)
}

// voters are those that can vote for the old data, beside a plan.
func (c configuration) voters(planned *membership.Cluster, destroyed []string) preflight.OldVoters {
	v := preflight.OldVoters{Source: c.source, Members: len(planned.Members)}
	for _, m := range c.members {
		if m.Learner {
			continue
		}
		v.All++
		switch {
		case isPlanned(planned, m):
			v.Planned++
		case !slices.Contains(destroyed, m.Name):
			v.Running = append(v.Running, nameOf(m))
		}
	}
	return v
}

// isPlanned reports whether an old member is on the machine of one of the new, to judge
// by its name or an address.
func isPlanned(planned *membership.Cluster, m topology.Member) bool {
	if _, ok := planned.Member(m.Name); ok {
		return true
	}
	return slices.ContainsFunc(planned.Members, func(n membership.Member) bool {
		return slices.ContainsFunc(n.PeerURLs, func(u string) bool { return slices.Contains(m.PeerURLs, u) })
	})
}

func nameOf(m topology.Member) string {
	if m.Name != "" {
		return m.Name
	}
	return strings.Join(m.PeerURLs, ",")
}

// readSnapshot reads what the snapshot says of its cluster.
func readSnapshot(path string) (snapshot.Facts, error) {
	f, err := snapshot.Open(path)
	if err != nil {
		return snapshot.Facts{}, err
	}
	defer f.Close()
	return f.Facts()
}
