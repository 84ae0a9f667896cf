//go:build e2e

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

const corrupt = 5 // the exit code for a snapshot that is not whole

// What cannot be restored leaves the cluster as it is.
func TestWrongSnapshot(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	t.Run("torn", func(t *testing.T) {
		s.node.Shell(t, `head -c -4096 "$1" >"$1".torn`, snapshot)
		requireCode(t, corrupt, s.run(t, "run", snapshot+".torn", "--yes"))
	})
	t.Run("not a snapshot", func(t *testing.T) {
		requireCode(t, corrupt, s.run(t, "run", "/etc/hostname", "--yes"))
		r := s.run(t, "run", "/opt/kubeadm.yaml", "--yes") // it might be a plan, and is none
		requireCode(t, usage, r)
		if !strings.Contains(r.Stderr, "InitConfiguration") {
			t.Errorf("it does not say what it is:\n%s", r.Stderr)
		}
	})
	t.Run("of another cluster", func(t *testing.T) {
		s.node.Write(t, "/root/other.db", otherCluster(t), 0o600)
		r := s.run(t, "run", "/root/other.db", "--yes")
		requireCode(t, refused, r)
		if !strings.Contains(r.Stderr, "SnapshotOrigin") {
			t.Errorf("another check refused it:\n%s", r.Stderr)
		}
	})
	s.requireOld(t)
}

// otherCluster is a snapshot of an etcd that served other API servers.
func otherCluster(t *testing.T) []byte {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 1})
	c.Start(t)
	_, err := etcdtest.LoadKubernetes(t.Context(), c.Client(t), etcdtest.KubernetesOptions{})
	must(t, err)
	file := filepath.Join(t.TempDir(), "other.db")
	save := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdctl"), "--endpoints", c.Endpoints()[0], "snapshot", "save", file)
	if out, err := save.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	content, err := os.ReadFile(file)
	must(t, err)
	return content
}

// The disk fills up while the new directory is written.
func TestDiskFull(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.node.OwnDisk(t, "700M")
	s.wait(t, waitBoot)
	s.save(t)
	r := s.node.RunHeld(t, "intent:stage/data", func() { s.node.FillDisk(t, s.DataDir(), 128<<10) }, node(restore()...)...)
	requireCode(t, rolledBack, r)
	s.node.Room(t, s.DataDir())
	s.requireOld(t)
	s.requireFinished(t, "rolled back")
	// With room it goes.
	requireCode(t, done, s.run(t, restore()...))
	s.requireRestored(t)
}

// The manifest that is put in cannot be started.
func TestBrokenImage(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	r := s.node.RunHeld(t, "intent:start/etcd", func() { s.breakEdited(t) }, node(restore()...)...)
	requireCode(t, rolledBack, r)
	s.requireOld(t)
	s.requireFinished(t, "rolled back")
}

// Without the way back by itself the run waits for a person.
func TestNoRollback(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	r := s.node.RunHeld(t, "intent:start/etcd", func() { s.breakEdited(t) }, node(restore("--no-rollback")...)...)
	requireCode(t, stuck, r)
	requireCode(t, refused, s.run(t, restore()...)) // there is a run that is not finished
	requireCode(t, done, s.run(t, "rollback"))
	s.requireOld(t)
}

// breakEdited breaks every manifest of etcd that is not the old one, wherever the
// plugin keeps it.
func (s *scene) breakEdited(t *testing.T) {
	t.Helper()
	broken := 0
	found := s.node.Shell(t, `find /etc/kubernetes /var/lib/etcd-restore -name etcd.yaml -type f`)
	for _, file := range strings.Fields(found) {
		text := string(s.node.Read(t, file))
		if text == s.manifests["etcd.yaml"] || filepath.Base(filepath.Dir(file)) == "kept" {
			continue
		}
		s.node.Write(t, file, []byte(lab.BreakImage(text)), 0o600)
		broken++
	}
	if broken == 0 {
		t.Fatalf("no edited manifest among %s", found)
	}
}
