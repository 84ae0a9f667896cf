package snapshotx_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// dead is a cluster of three that was killed in the middle of its work. The log of
// its first member is elsewhere.
func dead(t *testing.T, version etcdtest.Version) *etcdtest.Cluster {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: version, Size: 3})
	c.Members[0].WALDir = filepath.Join(t.TempDir(), "a log's place")
	c.Start(t)
	client := c.Client(t)
	for i := range 30 {
		if _, err := client.Put(t.Context(), fmt.Sprintf("key-%d", i), "value"); err != nil {
			t.Fatal(err)
		}
	}
	c.Kill(t)
	var paths []string
	for _, m := range c.Members {
		paths = append(paths, m.DataDir)
	}
	untouched(t, append(paths, c.Members[0].WALDir)...) // I1
	return c
}

// salvageJSON is what salvage -w json says, as far as tests ask.
type salvageJSON struct {
	DryRun, Majority                  bool
	Path, SHA256, ClusterID, Tail     string
	Revision, LastIndex, AppliedIndex int64
	Unproven, CommittedIndex          int64
	Needs                             []string
	Directories                       []struct {
		Dir, WALDir, MemberID, Name, Why                        string
		Term, LastIndex, CommitIndex, ConsistentIndex, Revision int64
		Vote, Winner, Sound                                     bool
	}
	Configurations []struct {
		From, Given, Quorum int
		Voters              []string
	}
	Members []struct{ ID, Name string }
	Notes   []string
}

func salvageReport(t *testing.T, got transcript) (r salvageJSON) {
	t.Helper()
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	return r
}

// The command that salvage prints restores the cluster, and every write is there.
func TestSalvageAndRestore(t *testing.T) {
	t.Parallel()
	c := dead(t, etcdtest.V37)
	work := t.TempDir()
	out := filepath.Join(work, "salvaged.db")
	dirs := []string{c.Members[0].DataDir + "," + c.Members[0].WALDir, c.Members[2].DataDir}
	got := run(t, append([]string{"salvage", "-o", out}, dirs...)...)
	succeeded(t, got)
	holds(t, work, "salvaged.db")
	text, next, found := strings.Cut(got.out, "\nnext:\n")
	if !found || !strings.Contains(text, "Every acknowledged write is included: 2 of the 3 voters m1, m2, m3") {
		t.Errorf("%s", got.out)
	}
	for line := range strings.Lines(text) {
		if len(strings.TrimSpace(line)) > 80 && !strings.Contains(line, work) && !strings.Contains(line, "sha256") && !strings.Contains(line, ".etcd") {
			t.Errorf("a line of %d columns: %s", len(line), line)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", next)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(theCommand(t))+":"+os.Getenv("PATH"))
	if printed, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", next, err, printed)
	}
	for _, m := range c.Members {
		m.DataDir, m.WALDir = filepath.Join(work, "new", m.Name+".etcd"), ""
	}
	c.Start(t)
	resp, err := c.Client(t).Get(t.Context(), "key-29")
	if err != nil || len(resp.Kvs) != 1 || len(c.Keys(t, 0)) != 30 {
		t.Errorf("%v, %v", resp, err)
	}
	succeeded(t, run(t, "verify", out))
}

func TestSalvageForms(t *testing.T) {
	t.Parallel()
	c := dead(t, etcdtest.V36)
	m1, m2 := c.Members[0].DataDir, c.Members[1].DataDir
	work := t.TempDir()
	alone := []string{"salvage", m2, "-o", filepath.Join(work, "s.db")}

	// Too few: the numbers, and a decision to take.
	got := run(t, append(alone, "-w", "json")...)
	r := salvageReport(t, got)
	if got.code != 6 || r.Majority || r.Path != "" || len(r.Needs) != 1 || r.Needs[0] != "tail" || r.CommittedIndex+r.Unproven != r.LastIndex {
		t.Errorf("%+v", got)
	}
	for form, says := range map[string]string{"simple": "\n\nNothing was written.\n", "table": "│   WRITTEN │", "fields": "\"Written\" : false\n"} {
		got := run(t, append(alone, "-w", form)...)
		if got.code != 6 || !strings.Contains(got.out, says) || !strings.Contains(got.err, "error: the directories are no majority of the voters: 1 of 3 voters were given") ||
			!strings.Contains(got.err, "hint: ") {
			t.Errorf("%s: %+v", form, got)
		}
		if strings.Contains(got.out, "is included") || strings.Contains(got.out, "next:") {
			t.Errorf("%s tells of a snapshot that is not there: %s", form, got.out)
		}
	}
	holds(t, work)
	// A dry run only reports.
	if got := run(t, "salvage", m2, c.Members[2].DataDir, "--dry-run"); got.code != 0 ||
		!strings.Contains(got.out, "Every acknowledged write would be included: 2 of the 3 voters m1, m2, m3\n  if each directory is as its member left it\n") ||
		strings.Contains(got.out, "Nothing was written") || strings.Contains(got.out, "from these directories") {
		t.Errorf("%+v", got)
	}
	got = run(t, "salvage", m2, "--dry-run", "-w", "json")
	if r := salvageReport(t, got); got.code != 0 || !r.DryRun || r.Majority || len(r.Needs) != 1 {
		t.Errorf("%+v", got)
	}
	if got := run(t, "salvage", m2, "--dry-run"); got.code != 0 || !strings.Contains(got.out, "\nWhat only the logs of m1, m3 hold cannot be had from these directories\n") ||
		!strings.Contains(got.out, "needed: --tail=include") {
		t.Errorf("%+v", got)
	}
	got = run(t, append(alone, "--tail=include", "-w", "json")...)
	if r := salvageReport(t, got); got.code != 0 || r.Majority || r.Tail != "include" || r.AppliedIndex != r.LastIndex || len(r.SHA256) != 64 || len(r.Members) != 3 {
		t.Errorf("%+v", got)
	}
	refused(t, run(t, append(alone, "--tail=include")...), 6, "file exists")

	// --wal-dir, one for each.
	got = run(t, "salvage", m1, m2, "--wal-dir", c.Members[0].WALDir, "--wal-dir", filepath.Join(m2, "member/wal"), "--dry-run", "-w", "json")
	if r := salvageReport(t, got); got.code != 0 || !r.Majority || r.Directories[0].WALDir != c.Members[0].WALDir ||
		r.Directories[0].Name != "m1" || !r.Directories[0].Sound || r.Directories[0].Revision == 0 || len(r.Configurations) != 1 {
		t.Errorf("%+v", got)
	}
	got = run(t, "salvage", m2, "--dry-run", "-w", "fields")
	for _, want := range []string{
		"\"Directory\" : " + m2 + "\n", "\"Why\" : it is the only one\n", "\"Written\" : false\n", "\"Winner\" : m2\n",
		"\"Majority\" : false\n", "\"Complete\" : false\n", "\"Voters\" : 1 of the 3 voters m1, m2, m3\n", "\"Needed\" : --tail=include",
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("lacks %q: %s", want, got.out)
		}
	}
	if strings.Contains(got.out, "\"Path\"") || strings.Contains(got.out, "\"Revision\"") {
		t.Errorf("tells of a snapshot that is not there: %s", got.out)
	}
}

// Each failure has its exit code, one error and one hint, and leaves nothing.
func TestSalvageFailures(t *testing.T) {
	t.Parallel()
	c := dead(t, etcdtest.V35)
	m1, m2, work, empty := c.Members[0].DataDir, c.Members[1].DataDir, t.TempDir(), t.TempDir()
	out := filepath.Join(work, "s.db")
	for line, tc := range map[string]struct {
		code int
		want string
	}{
		"salvage":                             {2, "DIR is missing"},
		"salvage " + m2:                       {2, "--output is missing"},
		"salvage -o - " + m2:                  {2, "--output must name a file"},
		"salvage --dry-run --tail=some " + m2: {2, "include or committed"},
		"salvage --dry-run --wal-dir a " + m2 + " " + m1:            {2, "1 times for 2 data directories"},
		"salvage --dry-run --explode " + m2:                         {2, "--explode"},
		"salvage --dry-run -w yaml " + m2:                           {2, "simple, table, json, fields"},
		"salvage --dry-run " + m2 + " " + m2:                        {2, "are both of member"},
		"salvage " + m2 + " -o " + filepath.Join(work, "none/s.db"): {2, "does not exist"},
		"salvage " + m2 + " -o " + work:                             {2, "it is a directory"},
		"salvage " + m1 + " -o " + out:                              {1, "member/wal"},
		"salvage " + empty + " -o " + out:                           {1, "it is empty"},
		"salvage " + work + " -o " + out:                            {2, "which must not change"},
		"salvage " + filepath.Join(work, "none") + " -o " + out:     {1, "no such file"},
	} {
		refused(t, run(t, strings.Fields(line)...), tc.code, tc.want)
		holds(t, work)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	refusedWithoutHint := runWith(ctx, nil, "salvage", m2, "--tail=include", "-o", out)
	if refusedWithoutHint.code != 130 || !strings.Contains(refusedWithoutHint.err, "interrupted") {
		t.Errorf("%+v", refusedWithoutHint)
	}
	holds(t, work)
	// After the election its outcome is told, but not as if something had come of it.
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	got := runWith(ctx, func(string) { cancel() }, "salvage", m2, c.Members[2].DataDir, "-o", out, "--progress", "json")
	if got.code != 130 || !strings.Contains(got.out, "Every acknowledged write would be included: 2 of the 3") || !strings.HasSuffix(got.out, "\n\nNothing was written.\n") {
		t.Errorf("%+v", got)
	}
	holds(t, work)
}

// A running member is refused; one that is being started waits.
func TestSalvageOfRunningMember(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	refused(t, run(t, "salvage", c.Members[0].DataDir, "--dry-run"), 6, "in use by a running etcd")
}

// Nothing that may not be read is taken for something else.
func TestSalvageUnreadable(t *testing.T) {
	t.Parallel()
	needsRoot(t, "file modes")
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	c.Kill(t)
	dir := c.Members[0].DataDir
	binary := theCommand(t)
	got := execute(t, func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = "/"
	}, binary, "salvage", dir, "--dry-run")
	refused(t, got, 1, "permission denied")
}

// A log that is damaged gives what stands before the damage, if a person says so,
// and the command that is printed then still works.
func TestSalvagePartial(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Args: []string{"--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"}})
	c.Start(t)
	client := c.Client(t)
	for i := range 60 {
		if _, err := client.Put(t.Context(), fmt.Sprintf("key-%d", i), strings.Repeat("v", 500)); err != nil {
			t.Fatal(err)
		}
	}
	c.Kill(t)
	dir := c.Members[0].DataDir
	log := filepath.Join(dir, "member/wal", firstSegment)
	whole := read(t, log)
	clear(whole[20<<10 : 21<<10])
	if err := os.WriteFile(log, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	untouched(t, dir)
	work := t.TempDir()
	out := filepath.Join(work, "s.db")
	got := run(t, "salvage", dir, "-o", out)
	if got.code != 5 || !strings.Contains(got.err, "can be read") || !strings.Contains(got.err, "--allow-partial") || !strings.Contains(got.out, "lost: ") {
		t.Errorf("%+v", got)
	}
	holds(t, work)
	if got := run(t, "salvage", dir, "--dry-run"); got.code != 0 || !strings.Contains(got.out, "needed: --allow-partial") {
		t.Errorf("%+v", got)
	}
	got = run(t, "salvage", dir, "-o", out, "--allow-partial", "--tail=include")
	succeeded(t, got)
	_, next, _ := strings.Cut(got.out, "\nnext:\n")
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", next)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(theCommand(t))+":"+os.Getenv("PATH"))
	if printed, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", next, err, printed)
	}
	holds(t, work, "new", "s.db")
}

func TestSalvageHelp(t *testing.T) {
	t.Parallel()
	got := run(t, "salvage", "--help")
	for _, want := range []string{"--tail", "--allow-partial", "--wal-dir", "--dry-run", "--keep-alarms", "EXIT STATUS", "Examples:"} {
		if got.code != 0 || !strings.Contains(got.out, want) {
			t.Errorf("lacks %q", want)
		}
	}
	for line := range strings.Lines(got.out) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	if strings.Contains(got.out, "--cacert") {
		t.Error("offers flags for live members")
	}
	for _, tc := range []struct{ args, want string }{
		{"__complete salvage d --tail ", "committed\n"},
		{"__complete salvage ", ":16\n"},
		{"__complete salv", "salvage\t"},
		{"__complete salvage --", "--output\tFILE to write the snapshot to\n"},
	} {
		if got := run(t, strings.Split(tc.args, " ")...); !strings.Contains(got.out, tc.want) {
			t.Errorf("%s: lacks %q: %+v", tc.args, tc.want, got)
		}
	}
}
