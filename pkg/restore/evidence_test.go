package restore_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// Invariant I5: whoever may have voted counts, whether the snapshot knows of it
// or only the evidence does; and evidence of a stranger is named.
func TestWhoseEvidenceIsMissing(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "snapshot.db")
	if err := fixture.Write(file, fixture.Options{Keys: 50, Bytes: 100_000}); err != nil {
		t.Fatal(err)
	}
	const m0, later, learner = 0x8211f1d0f64f3269, 0xb, 0xc // m0 is the voter in the snapshot
	for name, tc := range map[string]struct {
		seen    []revision.Evidence
		missing []string
		note    string
	}{
		"nobody's": {nil, []string{"m0"}, ""},
		"the voter's": {
			[]revision.Evidence{{Source: "x", Revision: 500, MemberID: m0, Voters: map[uint64]string{m0: "m0"}}},
			nil, "",
		},
		"the voter's, who tells of another": {
			[]revision.Evidence{{Source: "x", Revision: 500, MemberID: m0, Voters: map[uint64]string{m0: "m0", later: "m7"}}},
			[]string{"m7"},
			"",
		},
		"both voters'": {
			[]revision.Evidence{
				{Source: "x", Revision: 500, MemberID: m0, Voters: map[uint64]string{m0: "m0", later: "m7"}},
				{Source: "disk of m7", Revision: 600, MemberID: later},
			},
			nil, "disk of m7 is of member b, which the snapshot does not list",
		},
		"a stranger's": {
			[]revision.Evidence{{Source: "disk", Revision: 500, MemberID: learner}},
			[]string{"m0"},
			"disk is of member c, which the snapshot does not list",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster, err := membership.New("m0=http://127.0.0.1:2380", "token", nil)
			if err != nil {
				t.Fatal(err)
			}
			plan, err := restore.Prepare(restore.Config{
				Path: file, Cluster: cluster, Bump: restore.Bump{Mode: restore.BumpAuto}, MarkCompacted: true, Seen: tc.seen,
				Targets: []restore.Target{{Member: "m0", DataDir: filepath.Join(t.TempDir(), "m0")}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Revision; !slices.Equal(got.Missing, tc.missing) || got.Floor != (len(tc.missing) > 0) {
				t.Errorf("%+v, want no evidence from %v", got, tc.missing)
			}
			if got := strings.Join(plan.Notes, "\n"); !strings.Contains(got, tc.note) || (tc.note == "" && strings.Contains(got, "does not list")) {
				t.Errorf("notes %q, want %q", got, tc.note)
			}
		})
	}
}
