package etcdrestore

import (
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
)

// On a small screen the end is what is seen: what became of the restore, and what to type.
func TestResultEndsWithWhatCounts(t *testing.T) {
	t.Parallel()
	report := &proof.Report{Run: "20260102T030405Z-4f2a", Results: []proof.Result{
		{Check: "HashKV", State: proof.OK, Evidence: strings.Repeat("the same hash ", 20)},
		{Check: "Alarms", State: proof.OK, Evidence: "cp1 none"},
	}}
	r := clusterResult{
		Run: report.Run, Outcome: "complete", DowntimeSeconds: 20, Check: report,
		Nodes:   []recovery.Status{{Node: "cp1", Outcome: "complete"}},
		command: func(verb string) string { return "kubectl etcd-restore " + verb },
	}
	got := r.words()
	fits(t, got)
	if checks, restored := strings.Index(got, "HashKV"), strings.Index(got, "Restored: run "+r.Run); checks < 0 || restored < checks {
		t.Errorf("it comes to nothing below the checks:\n%s", got)
	}
	if !strings.HasSuffix(got, "\n  kubectl etcd-restore prune\n") {
		t.Errorf("it ends with no command:\n%s", got)
	}

	page := checkReport{Report: report}.words()
	if !strings.HasSuffix(page, "\nAll 2 checks are well.\n") {
		t.Errorf("check says\n%s", page)
	}
	report.Results[1].State = proof.Failed
	if page := (checkReport{Report: report}).words(); strings.Contains(page, "are well") {
		t.Errorf("check says of what has failed\n%s", page)
	}
}
