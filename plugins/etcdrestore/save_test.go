package etcdrestore_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
	"github.com/etcd-restore/etcd-restore/test/nodetest"
)

// saved is what a script reads of node save -o json.
type saved struct {
	Kind, From string
	Revision   int64
	Kubernetes bool
	MemberName string
	Salvage    *struct {
		Complete bool
		Tail     string
	}
}

func readSaved(t *testing.T, got transcript) (s saved) {
	t.Helper()
	if got.code != 0 {
		t.Fatalf("%+v", got)
	}
	if err := json.Unmarshal([]byte(got.out), &s); err != nil {
		t.Fatalf("%v: %s", err, got.out)
	}
	return s
}

// serving is a node with a live etcd of one or more members, and its last revision.
func serving(t *testing.T, size int) (*nodetest.Node, *etcdtest.Cluster, int64) {
	t.Helper()
	n := nodetest.New(t)
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: size, TLS: n.TLS(t)})
	n.Host(t, c, c.Members[0])
	c.Start(t)
	client := c.Client(t)
	var revision int64
	for i := range 200 {
		put, err := client.Put(t.Context(), fmt.Sprintf("/registry/pods/%d", i), "value")
		if err != nil {
			t.Fatal(err)
		}
		revision = put.Header.Revision
	}
	return n, c, revision
}

// verify wants a whole snapshot up to a revision.
func verify(t *testing.T, path string, revision int64) {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	report, err := f.Verify(t.Context(), nil)
	if err != nil || !report.OK() || report.Trailer != snapshot.TrailerMatched {
		t.Errorf("%v, %+v", err, report)
	}
	view, err := f.Keyspace()
	if err != nil || view.Revision() != revision {
		t.Errorf("revision %d, %v, want %d", view.Revision(), err, revision)
	}
}

// The only member of a cluster: a snapshot while it lives, the same once it is
// dead, and each is never taken for the other.
func TestSave(t *testing.T) {
	t.Parallel()
	n, c, revision := serving(t, 1)
	file := func(name string) string { return filepath.Join(t.TempDir(), name) }

	live := file("live.db")
	s := readSaved(t, run(t, "node", "save", live, "--rootfs", n.Root, "-o", "json"))
	if s.Kind != "NodeSnapshot" || s.From != "live" || s.Revision != revision || !s.Kubernetes || s.Salvage != nil || s.MemberName != c.Members[0].Name {
		t.Errorf("%+v", s)
	}
	verify(t, live, revision)
	if got := run(t, "node", "save", live, "--rootfs", n.Root); got.code != 6 || !strings.Contains(got.err, "exists") {
		t.Errorf("over a file: %+v", got)
	}
	if got := run(t, "node", "save", live, "--rootfs", n.Root, "--force"); got.code != 0 || !strings.Contains(got.out, "live member") {
		t.Errorf("over a file by force: %+v", got)
	} else {
		checkPage(t, got.out)
	}
	none := file("none.db")
	if got := run(t, "node", "save", none, "--rootfs", n.Root, "--from", "data-dir"); got.code != 6 || !strings.Contains(got.err, "runs on the data directory") {
		t.Errorf("salvage below a running etcd: %+v", got)
	}
	requireNothing(t, filepath.Dir(none))

	c.Kill(t)
	if got := run(t, "node", "save", none, "--rootfs", n.Root, "--from", "live"); got.code != 1 || !strings.Contains(got.err, "unreachable") {
		t.Errorf("live, of a dead member: %+v", got)
	}
	if got := run(t, "node", "save", live, "--rootfs", n.Root, "--force"); got.code == 0 || !strings.Contains(got.err, "replaces no file") {
		t.Errorf("salvage over a file: %+v", got)
	}
	verify(t, live, revision)
	requireNothing(t, filepath.Dir(none))

	got := run(t, "node", "save", none, "--rootfs", n.Root, "-o", "json")
	s = readSaved(t, got)
	if s.From != "data-dir" || s.Revision != revision || s.Salvage == nil || !s.Salvage.Complete {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(got.err, "SALVAGE") {
		t.Errorf("not said: %s", got.err)
	}
	verify(t, none, revision)
	words := file("words.db")
	if got := run(t, "node", "save", words, "--rootfs", n.Root); got.code != 0 || !strings.Contains(got.out, "of a member that is not running") {
		t.Errorf("%+v", got)
	} else {
		checkPage(t, got.out)
		checkPage(t, got.err)
	}
}

// requireNothing wants an empty folder: a refusal leaves nothing behind.
func requireNothing(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}

// One member of three is no majority: a person has to decide.
func TestSaveOfOneOfThree(t *testing.T) {
	t.Parallel()
	n, c, revision := serving(t, 3)
	c.Kill(t)
	file := filepath.Join(t.TempDir(), "s.db")
	got := run(t, "node", "save", file, "--rootfs", n.Root)
	if got.code != 6 || !strings.Contains(got.err, "etcdctl-snapshot-x salvage") || !strings.Contains(got.err, "--tail include") {
		t.Errorf("%+v", got)
	}
	requireNothing(t, filepath.Dir(file))
	s := readSaved(t, run(t, "node", "save", file, "--rootfs", n.Root, "--tail", "include", "-o", "json"))
	if s.Salvage == nil || s.Salvage.Complete || s.Salvage.Tail != "include" || s.Revision > revision || s.Revision == 0 {
		t.Errorf("%+v, %+v", s, s.Salvage)
	}
	if words := run(t, "node", "save", file+"2", "--rootfs", n.Root, "--tail", "include"); !strings.Contains(words.out, "NOT PROVEN") {
		t.Errorf("%+v", words)
	}
}

// A member that is stopped holds its data and does not answer: it is not to be
// read as if it were dead.
func TestSaveOfOneThatHangs(t *testing.T) {
	t.Parallel()
	n, c, _ := serving(t, 1)
	c.Members[0].Pause(t)
	file := filepath.Join(t.TempDir(), "s.db")
	got := run(t, "node", "save", file, "--rootfs", n.Root)
	if got.code != 6 || !strings.Contains(got.err, "does not answer") || !strings.Contains(got.err, "hint: ") {
		t.Errorf("%+v", got)
	}
	requireNothing(t, filepath.Dir(file))
	var status struct {
		Data    struct{ InUse bool }
		Health  struct{ Serves bool }
		Verdict struct{ State string }
	}
	if err := json.Unmarshal([]byte(run(t, "node", "status", "--rootfs", n.Root, "-o", "json").out), &status); err != nil {
		t.Fatal(err)
	}
	if !status.Data.InUse || status.Health.Serves || status.Verdict.State == "healthy" {
		t.Errorf("%+v", status)
	}
}

func TestNoNode(t *testing.T) {
	t.Parallel()
	for _, verb := range [][]string{{"status"}, {"save", filepath.Join(t.TempDir(), "s.db")}} {
		got := run(t, append(append([]string{"node"}, verb...), "--rootfs", t.TempDir())...)
		if got.code != 1 || got.out != "" || !strings.Contains(got.err, "not a control-plane node") || !strings.Contains(got.err, "hint: ") {
			t.Errorf("%v: %+v", verb, got)
		}
	}
}
