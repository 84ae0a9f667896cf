package evidence_test

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// m0 is the one voter in the snapshots that the tests make.
const m0 = 0x8211f1d0f64f3269

func noon() time.Time { return time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC) }

// synthetic writes a snapshot at revision 125, compacted at 51.
func synthetic(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "snapshot.db")
	if err := fixture.Write(file, fixture.Options{Keys: 100, Bytes: 200_000}); err != nil {
		t.Fatal(err)
	}
	return file
}

func baseOf(t *testing.T, file string) evidence.Source {
	t.Helper()
	base, err := evidence.FromSnapshot(file)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// Invariant I5: whoever may have voted counts, whether the snapshot knows of it
// or only the evidence does; and evidence of a stranger is named.
func TestWhoseEvidenceIsMissing(t *testing.T) {
	t.Parallel()
	base := baseOf(t, synthetic(t))
	const later, learner = 0xb, 0xc
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
		"of another snapshot": {[]revision.Evidence{base.Evidence()}, []string{"m0"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := evidence.Auto(base, tc.seen, noon())
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Missing, tc.missing) || got.Floor != (len(tc.missing) > 0) {
				t.Errorf("%+v, want no evidence from %v", got, tc.missing)
			}
			notes := strings.Join(evidence.Notes(base, tc.seen), "\n")
			if !strings.Contains(notes, tc.note) || (tc.note == "" && notes != "") {
				t.Errorf("notes %q, want %q", notes, tc.note)
			}
		})
	}
}

// A snapshot of etcd 3.4's own restore may list nobody.
func TestMembersUnknown(t *testing.T) {
	t.Parallel()
	base := baseOf(t, synthetic(t))
	base.Members = nil
	seen := []revision.Evidence{{Source: "x", Revision: 500, MemberID: m0}}
	got, err := evidence.Auto(base, seen, noon())
	if err != nil || !got.Floor || !slices.Equal(got.Missing, []string{"members unknown to the snapshot"}) {
		t.Errorf("%+v, error %v", got, err)
	}
}

// Every refusal says what to do about it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	base := baseOf(t, synthetic(t))
	huge := []revision.Evidence{evidence.Source{Kind: evidence.DataDir, Name: "x", Proven: math.MaxInt64 - 5, Ahead: 100, MemberID: m0}.Evidence()}
	auto := func(seen []revision.Evidence, now time.Time) error {
		_, err := evidence.Auto(base, seen, now)
		return err
	}
	_, fixed := evidence.Fixed(base, 10, []revision.Evidence{{Source: "x", Revision: 135}})
	for name, tc := range map[string]struct {
		err, want error
		hint      string
	}{
		"overflow":            {auto(huge, noon()), revision.ErrOverflow, "etcdctl-snapshot-x verify"},
		"a clock that is off": {auto(nil, time.Unix(0, 0)), revision.ErrNotCleared, "set the clock"},
		"not cleared":         {fixed, revision.ErrNotCleared, "--bump-revision=auto"},
	} {
		var hinted interface{ Hint() string }
		if !errors.Is(tc.err, tc.want) || !errors.As(tc.err, &hinted) || !strings.Contains(hinted.Hint(), tc.hint) {
			t.Errorf("%s: error %v, want %v and a hint at %q", name, tc.err, tc.want, tc.hint)
		}
	}
	if _, err := evidence.Fixed(base, 11, []revision.Evidence{{Source: "x", Revision: 135}}); err != nil {
		t.Errorf("the smallest bump that clears the evidence: %v", err)
	}
}
