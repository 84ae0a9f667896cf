package etcdrestore_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/test/nodetest"
)

func TestRuns(t *testing.T) {
	t.Parallel()
	n := nodetest.New(t)
	path := n.Path("/var/lib/etcd-restore")
	if got := run(t, "node", "runs", "--rootfs", n.Root); got.code != 0 || !strings.HasPrefix(got.out, "No runs in ") {
		t.Errorf("none: %+v", got)
	}
	old := begin(t, path, func(r *journal.Run) error {
		return errors.Join(r.Intent("stage/copy"), r.Done("stage/copy"), r.Finish(journal.Complete))
	})
	now := begin(t, path, func(r *journal.Run) error {
		return errors.Join(r.Intent("stage/copy"), r.Done("stage/copy"), r.Intent("stop/etcd"), r.Failed("stop/etcd", errors.New("it will not\nend \x1b[2J")))
	})

	var list struct {
		Kind  string
		Items []struct{ Name, State, Step, PlanSHA256 string }
	}
	got := run(t, "node", "runs", "--rootfs", n.Root, "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &list); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if list.Kind != "NodeRunList" || len(list.Items) != 2 || list.Items[0].Name != now || list.Items[1].Name != old ||
		list.Items[0].State != "unfinished" || list.Items[0].Step != "stop/etcd" || list.Items[1].State != "complete" || len(list.Items[0].PlanSHA256) != 64 {
		t.Errorf("%+v", list)
	}
	words := run(t, "node", "runs", "--rootfs", n.Root)
	checkPage(t, words.out)
	if !strings.HasPrefix(words.out, now) || !strings.Contains(words.out, old+" complete") {
		t.Errorf("%+v", words)
	}

	var report struct {
		Kind, Name string
		Steps      []struct{ Name, Event, Begun, Ended, Error string }
		Events     []struct{ Event string }
	}
	got = run(t, "node", "runs", now, "--rootfs", n.Root, "-o", "json")
	if err := json.Unmarshal([]byte(got.out), &report); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if report.Kind != "NodeRun" || report.Name != now || len(report.Steps) != 2 || len(report.Events) != 5 ||
		report.Steps[1].Event != "failed" || report.Steps[1].Error == "" || report.Steps[0].Ended == "" {
		t.Errorf("%+v", report)
	}
	words = run(t, "node", "runs", now, "--rootfs", n.Root)
	checkPage(t, words.out)
	if !strings.Contains(words.out, "failed     stop/etcd") || !strings.Contains(words.out, "it will not\n") {
		t.Errorf("%+v", words)
	}

	damage(t, filepath.Join(path, now, "plan.json"))
	if got := run(t, "node", "runs", now, "--rootfs", n.Root); got.code != 5 || got.out != "" {
		t.Errorf("damaged: %+v", got)
	}
	if got := run(t, "node", "runs", "--rootfs", n.Root); got.code != 0 || !strings.Contains(got.out, "damaged") {
		t.Errorf("damaged: %+v", got)
	}
	if got := run(t, "__complete", "node", "runs", "--rootfs", n.Root, ""); !strings.Contains(got.out, now+"\n") || !strings.Contains(got.out, old+"\n") {
		t.Errorf("completion: %+v", got)
	}
}

// begin makes a run in which something happens.
func begin(t *testing.T, path string, happens func(*journal.Run) error) string {
	t.Helper()
	folder, err := journal.Open(path, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	run, err := folder.Create([]byte(`{"a": "plan"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if err := happens(run); err != nil {
		t.Fatal(err)
	}
	return run.Name
}

func damage(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
}
