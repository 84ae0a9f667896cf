package snapshotx

import (
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/salvage"
)

// What is left out on demand must not be called included, whatever was given.
func TestVerdict(t *testing.T) {
	t.Parallel()
	voters := []salvage.Configuration{{From: 7, Voters: []string{"m1", "m2", "m3"}, Given: 2, Quorum: 2}}
	for name, tc := range map[string]struct {
		report salvage.Report
		want   string
	}{
		"majority":             {salvage.Report{Majority: true, Unproven: 3, Tail: salvage.TailInclude}, "Every acknowledged write is included: 2 of the 3 voters m1, m2, m3"},
		"tail left out":        {salvage.Report{Majority: true, Unproven: 3, Tail: salvage.TailCommitted}, "but maybe in what is left out: 2 of the 3"},
		"no tail to leave out": {salvage.Report{Majority: true, Tail: salvage.TailCommitted}, "Every acknowledged write is included: 2 of the 3"},
		"minority":             {salvage.Report{Unproven: 3, Tail: salvage.TailInclude}, "It is not proven that every acknowledged write is included: 2 of the 3"},
	} {
		tc.report.Configurations = voters
		if got := verdict(&tc.report); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q does not contain %q", name, got, tc.want)
		}
	}
}
