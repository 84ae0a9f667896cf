package noderestore

import (
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// Seen is what the node tells of the revisions that its cluster has reached.
func Seen(facts *node.Facts) []revision.Evidence {
	var all []revision.Evidence
	if s := facts.Live.Status; facts.Live.Err == nil && s.Err == nil {
		all = append(all, revision.Evidence{
			Source: "status of " + s.Endpoint, Revision: s.Revision, MemberID: s.MemberID, Voters: facts.Data.Source.Voters(),
		})
	}
	if facts.Data.Source.Proven > 0 {
		all = append(all, facts.Data.Source.Evidence())
	}
	// What an earlier restore served from is known even if its data are gone. The clock
	// alone would not do: each restore goes further above the one before than the time
	// between them may be worth.
	for _, r := range facts.Runs.Runs {
		if plan, err := Decode(r.Plan); err == nil && r.State.Committed {
			all = append(all, revision.Evidence{Source: "run " + r.Name, Revision: plan.Decision.Revision})
		}
	}
	return all
}
