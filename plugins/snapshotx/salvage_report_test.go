package snapshotx

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// What is left out on demand must not be called included, whatever was given.
func TestVerdict(t *testing.T) {
	t.Parallel()
	voters := []salvage.Configuration{{From: 7, Voters: []string{"m1", "m2", "m3"}, Given: 2, Quorum: 2}}
	for name, tc := range map[string]struct {
		report salvage.Report // of a snapshot that is there
		want   string
	}{
		"majority":             {salvage.Report{Majority: true, Complete: true, Unproven: 3, Tail: salvage.TailInclude}, "Every acknowledged write is included: 2 of the 3 voters m1, m2, m3"},
		"tail left out":        {salvage.Report{Majority: true, Unproven: 3, Tail: salvage.TailCommitted}, "but maybe in what is left out:\n  2 of the 3"},
		"no tail to leave out": {salvage.Report{Majority: true, Complete: true, Tail: salvage.TailCommitted}, "Every acknowledged write is included: 2 of the 3"},
		"minority":             {salvage.Report{Unproven: 3, Tail: salvage.TailInclude}, "It is not proven that every acknowledged write is included:\n  2 of the 3"},
	} {
		tc.report.Configurations, tc.report.Path = voters, "salvaged.db"
		if got := verdict(&tc.report); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q does not contain %q", name, got, tc.want)
		}
	}
}

// Nothing is called included that nobody has written.
func TestVerdictOfNothing(t *testing.T) {
	t.Parallel()
	voters := []salvage.Configuration{{Voters: []string{"m1", "m2", "m3"}, Given: 2}}
	for want, r := range map[string]salvage.Report{
		"Every acknowledged write would be included: 2 of the 3":               {Majority: true, Complete: true, Unproven: 3, Tail: salvage.TailInclude},
		"but maybe in what would be left out:\n  2 of the 3":                   {Majority: true, Unproven: 3, Tail: salvage.TailCommitted},
		"not proven that every acknowledged write would be included:\n  2 of ": {Unproven: 3},
	} {
		r.Configurations = voters
		if got := verdict(&r); !strings.Contains(got, want) || strings.Contains(got, "as its member left it") != r.Majority {
			t.Errorf("%q does not contain %q", got, want)
		}
	}
}

// What a person has to decide is put as what it is: a choice about the end of the
// log, or whether to go without what is elsewhere.
func TestNeeds(t *testing.T) {
	t.Parallel()
	one := salvage.Report{
		Directories:    []salvage.Directory{{Name: "m2", Winner: true, ConsistentIndex: 5}},
		Configurations: []salvage.Configuration{{Voters: []string{"m1", "m2", "m3"}, Given: 1}},
		LastIndex:      9, Replayed: 4, Needs: []salvage.Need{salvage.NeedTail},
	}
	doubtful, damaged := one, one
	doubtful.Unproven, doubtful.CommittedIndex = 2, 7
	damaged.Configurations = []salvage.Configuration{{Voters: []string{"m2"}}}
	damaged.Needs = []salvage.Need{salvage.NeedPartial, salvage.NeedTail}
	damaged.Lost = &salvage.Lost{After: 9, At: "a.wal at byte 77"}
	for name, tc := range map[string]struct {
		report salvage.Report
		want   string
	}{
		"nothing in doubt": {one, `Entries behind the database: 4, all known to be committed
What only the logs of m1, m3 hold cannot be had from these directories
needed: --tail=include, to go without what only the logs of other members
  hold, or their directories`},
		"some entries are": {doubtful, `Entries behind the database: 4; not known to be committed: 2 (8 to 9)
What only the logs of m1, m3 hold cannot be had from these directories
needed: --tail=include or --tail=committed, or the directories of other
  members`},
		"nobody else": {damaged, `Entries behind the database: 4, all known to be committed
lost: what the log held behind entry 9 (a.wal at byte 77)
needed: --allow-partial, or the directories of other members
needed: --tail=include, to take what there is, or the directories of other
  members`},
	} {
		if got := (salvageReport{Report: &tc.report, dryRun: true}).words(); !strings.HasSuffix(got, tc.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// The table and the fields have all that the words have, and fit a terminal.
func TestSalvageReportForms(t *testing.T) {
	t.Parallel()
	voters := []string{"control-plane-1", "control-plane-2", "control-plane-3", "control-plane-4", "control-plane-5"}
	r := salvageReport{
		Report: &salvage.Report{
			Directories: []salvage.Directory{
				{Dir: "/mnt/m1/etcd", Name: "m1", Term: 4, LastIndex: 150222, CommitIndex: 150219, Revision: 140502, Vote: true, Winner: true, Sound: true, Why: "its log reaches furthest"},
				{Dir: "/mnt/m2/etcd", WALDir: "/m2", Name: "m2", Term: 4, LastIndex: 150220, CommitIndex: 150219, Revision: 140497, Why: "no vote: its log is damaged"},
			},
			Configurations: []salvage.Configuration{{Voters: voters, Given: 1}, {From: 150221, Voters: voters[:4], Given: 1}},
			LastIndex:      150222, CommittedIndex: 150219, Unproven: 3,
			Lost:  &salvage.Lost{After: 150222, At: "/mnt/m1/etcd/member/wal/0.wal at byte 7"},
			Notes: []string{"/mnt/m2/etcd: the log ends with a write that was not finished (somewhere), as a crash leaves it"},
			Needs: []salvage.Need{salvage.NeedPartial, salvage.NeedTail},
		},
		none: true,
	}
	for form, want := range map[output.Format][]string{
		output.Table: {"m1", "/mnt/m2/etcd,/m2", "150222", "140497", "yes", "no", "LOST", "NOTE", "NEEDED", "--allow-partial", "from entry 150221"},
		output.Fields: {
			"\"Directory\" : /mnt/m1/etcd\n", "\"Log directory\" : /m2\n", "\"Why\" : no vote: its log is damaged\n", "\"Written\" : false\n",
			"\"Lost\" : what the log held behind entry 150222 (", "\"Note\" : /mnt/m2", "\"Needed\" : --allow-partial", "\"Needed\" : --tail=include or",
		},
		output.Simple: {"from entry 150221", "lost: ", "note: ", "needed: ", "Nothing was written."},
	} {
		var b bytes.Buffer
		if err := r.Print(&b, form); err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(b.String(), text) {
				t.Errorf("%s lacks %q:\n%s", form, text, b.String())
			}
		}
		for line := range strings.Lines(b.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); form != output.Fields && n > 80 {
				t.Errorf("%s: a line of %d columns: %s", form, n, line)
			}
		}
	}
}

// A report that comes with an error says so only if there is no file.
func TestNothingWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, tc := range []struct {
		o    SalvageOptions
		none bool
	}{
		{SalvageOptions{Output: filepath.Join(dir, "s.db")}, true},
		{SalvageOptions{Output: filepath.Join(dir, "s.db"), DryRun: true}, false},
		{SalvageOptions{Output: dir}, false},
	} {
		if got := tc.o.report(&salvage.Report{}); got.none != tc.none {
			t.Errorf("%+v: %t", tc.o, got.none)
		}
	}
}
