package etcdrestore_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// carriesOut makes a run of a plan in which something happens, and returns its name
// and that of its decision.
func carriesOut(t *testing.T, path string, happens func(*journal.Run) error) (run, decision string) {
	t.Helper()
	d := noderestore.Decision{
		ID: "20261126T120000Z-4f2a", Token: "token-4f2a", InitialCluster: "cp1=https://10.0.0.1:2380", Revision: 1234,
		Snapshot: noderestore.Snapshot{Path: "/root/snapshot.db", Size: 5, SHA256: "ab"},
	}
	cluster, err := membership.New(d.InitialCluster, d.Token, nil)
	must(t, err)
	d.ClusterID = strconv.FormatUint(cluster.ID, 16)
	plan := noderestore.NewPlan(d, time.Now())
	plan.Node = noderestore.Part{Member: "cp1", Mode: noderestore.ModeManifest, OldData: "/var/lib/etcd", NewData: "/var/lib/etcd-restored-x"}
	text, err := plan.Encode()
	must(t, err)
	folder, err := journal.Open(path, journal.Options{})
	must(t, err)
	defer folder.Close()
	r, err := folder.Create(text)
	must(t, err)
	defer r.Close()
	must(t, happens(r))
	return r.Name, d.ID
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// status is an item of node runs -o json.
type status struct {
	Name, State, DecisionID, ClusterID, Member, OldDataDir, NewDataDir, StepError string
	RestoredRevision                                                              int64
	GoingBack, Working                                                            bool
	Snapshot                                                                      struct {
		Path, SHA256 string
		Size         int64
	}
}

// Whoever drives several nodes knows the run by its decision, and hears all of it.
func TestFollowByDecision(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs")
	run1, decision := carriesOut(t, path, func(r *journal.Run) error {
		return errors.Join(r.Intent("stage/data"), r.Failed("stage/data", errors.New("disk full")))
	})
	got := run(t, "node", "follow", decision, "--state-dir", path)
	if got.code != 0 || got.err != "" {
		t.Fatalf("%+v", got)
	}
	var records []journal.Record
	var last status
	for line := range strings.Lines(got.out) {
		var l struct {
			Record *journal.Record
			State  *status
		}
		must(t, json.Unmarshal([]byte(line), &l))
		if l.Record != nil {
			records = append(records, *l.Record)
		}
		if l.State != nil {
			last = *l.State
		}
	}
	if len(records) != 3 || records[2].Error != "disk full" || last.Name != run1 || last.State != "unfinished" || last.Working || last.StepError != "disk full" {
		t.Errorf("%+v; %+v", records, last)
	}
	if last.DecisionID != decision || last.Member != "cp1" || last.RestoredRevision != 1234 || last.ClusterID == "" ||
		last.Snapshot.SHA256 != "ab" || last.Snapshot.Size != 5 || last.OldDataDir != "/var/lib/etcd" || last.NewDataDir != "/var/lib/etcd-restored-x" {
		t.Errorf("%+v", last)
	}
	for _, args := range [][]string{{"node", "runs", decision}, {"node", "runs", run1}} {
		var report status
		got := run(t, append(args, "--state-dir", path, "-o", "json")...)
		must(t, json.Unmarshal([]byte(got.out), &report))
		if report != last {
			t.Errorf("%v: %+v", args, report)
		}
	}
	if got := run(t, "node", "follow", "20261126T120000Z-0000", "--state-dir", path, "--appear-timeout", "1ms"); got.code != 2 || !strings.Contains(got.err, "no such run") {
		t.Errorf("%+v", got)
	}
}

// A run that never comes is not waited for: what was to make it has ended, and its log
// tells why.
func TestFollowWithoutRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "log"), 0o700))
	log := "== 2026-11-26T12:00:00Z begins: \"node run\"\nerror: another process is at work\nhint: wait\n== 2026-11-26T12:00:01Z has ended: refused (exit code 6)\n"
	must(t, os.WriteFile(filepath.Join(dir, "log", "restore-x.log"), []byte(log), 0o600))
	follow := func(more ...string) transcript {
		return run(t, append([]string{"node", "follow", "20261126T120000Z-4f2a", "--state-dir", dir}, more...)...)
	}
	want := `{"absent":"no run was made: another process is at work"}` + "\n"
	if got := follow("--job", "restore-x", "--appear-timeout", "10m"); got.code != 0 || got.out != want {
		t.Errorf("%+v", got)
	}
	lock, err := os.Create(filepath.Join(dir, "log", "restore-x.lock"))
	must(t, err)
	defer lock.Close()
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	if got := follow("--job", "restore-x", "--appear-timeout", "1ms"); got.code != 2 || !strings.Contains(got.err, "no such run") {
		t.Errorf("while the job runs: %+v", got)
	}
}

func TestTell(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "runs")
	name, decision := carriesOut(t, path, func(r *journal.Run) error { return r.Intent("stage/go") })
	for _, args := range [][]string{{"go"}, {"go", decision}, {"abort", name}, {"abort"}} {
		if got := run(t, append([]string{"node", "tell", "--state-dir", path}, args...)...); got.code != 0 || !strings.Contains(got.out, name) || !strings.Contains(got.out, "No process works on it") {
			t.Errorf("%v: %+v", args, got)
		}
		if _, err := os.Stat(filepath.Join(path, name, args[0])); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	if got := run(t, "node", "tell", "go", "--state-dir", path); got.code != 6 || !strings.Contains(got.err, "too late") || got.out != "" {
		t.Errorf("go after abort: %+v", got)
	}
	for _, args := range [][]string{{}, {"stop"}, {"go", "a", "b"}, {"go", "20261126T120000Z-0000"}} {
		if got := run(t, append([]string{"node", "tell", "--state-dir", path}, args...)...); got.code != 2 {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

// Whoever starts it again gets what became of the plan, by the same code.
func TestRunOrResume(t *testing.T) {
	t.Parallel()
	for want, happens := range map[int]func(*journal.Run) error{
		0: func(r *journal.Run) error { return r.Finish(journal.Complete) },
		3: func(r *journal.Run) error { return r.Finish(journal.RolledBack) },
		4: func(r *journal.Run) error {
			return errors.Join(r.Intent("a"), r.Done("a"), r.Commit(), r.Finish(journal.Abandoned))
		},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "runs")
		name, _ := carriesOut(t, path, happens)
		args := []string{"node", "run", filepath.Join(path, name, "plan.json"), "--snapshot", filepath.Join(dir, "x.db"), "--yes", "--hold", "15m", "--or-resume", "--state-dir", path}
		for range 2 {
			if got := run(t, args...); got.code != want {
				t.Errorf("want %d: %+v", want, got)
			}
		}
		runs, err := journal.List(path)
		if err != nil || len(runs) != 1 {
			t.Errorf("%d runs, %v", len(runs), err)
		}
	}
	if got := run(t, "node", "run", "/nonexistent/snapshot.db", "--or-resume", "--state-dir", t.TempDir()); got.code != 2 || !strings.Contains(got.err, "needs a plan") {
		t.Errorf("%+v", got)
	}
}

func TestPlanFromStdin(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"it is none":            {[]string{"-"}, 2, "not a plan"},
		"a snapshot elsewhere":  {[]string{"/nonexistent", "--without-snapshot"}, 2, "--without-snapshot is for a plan"},
		"here and elsewhere":    {[]string{"-", "--without-snapshot", "--snapshot", "x"}, 2, "contradict"},
		"what is decided there": {[]string{"-", "--member", "a=b"}, 2, "are decided"},
	} {
		if got := run(t, append([]string{"node", "plan"}, tc.args...)...); got.code != tc.code || !strings.Contains(got.err, tc.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
