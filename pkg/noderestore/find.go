package noderestore

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// IsDecision reports whether a name is that of a decision, which all nodes have in
// common, and not that of one node's run.
func IsDecision(name string) bool { return decisionID.MatchString(name) }

// Find returns the run of a name among runs, which are in order of time. The name of a
// decision stands for the run that carries it out: the one that is not finished, or
// else the last. "" is the run that is not finished, or else the last of all.
func Find(runs []journal.Summary, name string) (journal.Summary, error) {
	var found *journal.Summary
	for i := range runs {
		r := &runs[i]
		if name != "" && name != r.Name && (!IsDecision(name) || decisionOf(r) != name) {
			continue
		}
		if found == nil || r.State.Outcome == "" || found.State.Outcome != "" {
			found = r
		}
	}
	if found == nil {
		return journal.Summary{}, fmt.Errorf("%w: %q", journal.ErrNoRun, name)
	}
	return *found, nil
}

// decisionOf is the ID of the decision that a run carries out, or "". A plan of another
// kind has an ID of its own.
func decisionOf(r *journal.Summary) string {
	var plan struct {
		ID       string
		Decision struct{ ID string }
	}
	if err := json.Unmarshal(r.Plan, &plan); err != nil {
		return ""
	}
	return cmp.Or(plan.Decision.ID, plan.ID)
}
