package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// upgraded is a cluster that was upgraded by one minor version, and is stopped.
type upgraded struct {
	old      *etcdtest.Cluster // with the programs of before, on the same directories
	snapshot string            // of before
	before   []*mvccpb.KeyValue
	after    []*mvccpb.KeyValue
	revision int64 // the last one
}

func newUpgraded(t *testing.T, from, to etcdtest.Version) *upgraded {
	t.Helper()
	u := &upgraded{snapshot: filepath.Join(t.TempDir(), "before-upgrade.db")}
	u.old = etcdtest.New(t, etcdtest.Config{Version: from, Size: 3, Args: snapshotOften()})
	u.old.Start(t)
	load, err := etcdtest.LoadKubernetes(t.Context(), u.old.Client(t), etcdtest.KubernetesOptions{Nodes: 2, Pods: 10, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	rev := upgrade(t, u.old, from, load.Revision)
	u.before = u.old.Keys(t, 0)
	save(t, u.old, u.snapshot)
	u.old.Stop(t)
	c := successor(t, u.old, to)
	u.revision = upgrade(t, c, to, rev)
	u.after = c.Keys(t, 0)
	c.Kill(t)
	return u
}

func (u *upgraded) dataDirs() (dirs []string) {
	for _, m := range u.old.Members {
		dirs = append(dirs, m.DataDir)
	}
	return dirs
}

// The upgraded cluster goes back to its older etcd, to what it was before or with all
// that was written since.
func TestRunbookBadUpgrade(t *testing.T) {
	t.Parallel()
	versions := etcdtest.Servers()
	for i, from := range versions[:len(versions)-1] {
		to := versions[i+1]
		t.Run(string(from)+" to "+string(to), func(t *testing.T) {
			t.Parallel()
			u := newUpgraded(t, from, to)
			u.requireRefused(t)
			u.goBack(t, from, u.snapshot, u.before)
			u.goBack(t, from, u.salvage(t), u.after)
		})
	}
}

func (u *upgraded) salvage(t *testing.T) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "salvaged.db")
	if got := command(t.Context(), nil, append([]string{"salvage", "-o", file}, u.dataDirs()...)...); got.code != 0 {
		t.Fatalf("salvage: %+v", got)
	}
	return file
}

func (u *upgraded) goBack(t *testing.T, version etcdtest.Version, snapshot string, want []*mvccpb.KeyValue) {
	t.Helper()
	c := successor(t, u.old, version)
	r := openRunbook(t, "bad-upgrade.md", map[string]string{
		"SNAPSHOT": snapshot, "OLD": strings.Join(u.dataDirs(), " "), "VERSION": string(version),
		"NEW": filepath.Join(t.TempDir(), "new"), "CLUSTER": c.InitialCluster(),
		"ETCDCTL_ENDPOINTS": c.Endpoints()[0],
	})
	requireSays(t, r.follow(), snapshot+": OK", "Restored "+snapshot)

	r.moveTo(c)
	r.requireBack(c, want, u.revision)
	awaitVersion(t, c, version)
	c.Stop(t)
}

// requireRefused wants what the page says of the old program: it does not start on what
// the new one left.
func (u *upgraded) requireRefused(t *testing.T) {
	t.Helper()
	m := u.old.Members[0]
	left := m.DataDir
	m.DataDir = filepath.Join(t.TempDir(), "copy")
	defer func() { m.DataDir = left }()
	if err := os.CopyFS(m.DataDir, os.DirFS(left)); err != nil {
		t.Fatal(err)
	}
	m.Start(t)
	if err := m.Wait(t); err == nil {
		t.Error("the old program ended well")
	}
	if !logged(t, m, "invalid downgrade") && !logged(t, m, "is not supported") {
		t.Errorf("the old program did not refuse:\n%s", m.LogTail(20))
	}
}
