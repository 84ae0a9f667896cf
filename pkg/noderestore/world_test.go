package noderestore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

const (
	single = "cp1=https://10.99.0.11:2380"
	three  = single + ",cp2=https://10.99.0.12:2380,cp3=https://10.99.0.13:2380"
)

// world is a control-plane node below a folder: every path in its manifests begins
// with it.
type world struct {
	dir      string
	snapshot string
	facts    *node.Facts
}

// newWorld is a node with one of the manifests of etcd that package staticpod is
// tested with, changed by pairs of old and new words, and with the data directory of
// cp1 in an old cluster.
func newWorld(t *testing.T, manifest, old string, change ...string) *world {
	t.Helper()
	w := &world{dir: plainDir(t), facts: &node.Facts{Time: time.Now(), Root: true}}
	w.snapshot = w.path("/root/snapshot.db")
	must(t, os.MkdirAll(filepath.Dir(w.snapshot), 0o700))
	w.takeSnapshot(t, cmp.Or(old, single))
	w.manifests(t, manifest, change...)
	w.facts.Live.Err = errors.New("no etcd answers")
	w.oldData(t, old)
	return w
}

// takeSnapshot makes a snapshot of a cluster with these members.
func (w *world) takeSnapshot(t *testing.T, initial string) {
	t.Helper()
	raw := w.path("/root/raw.db")
	must(t, fixture.Write(raw, fixture.Options{Keys: 60, Bytes: 100_000}))
	cluster, err := membership.New(initial, "the old one", nil)
	must(t, err)
	dir := w.path("/root/taken")
	_, err = restore.Run(t.Context(), restore.Config{
		Path: raw, Cluster: cluster, Targets: []restore.Target{{Member: cluster.Members[0].Name, DataDir: dir}}, Bump: restore.Bump{Mode: restore.BumpBy},
	})
	must(t, err)
	db, err := os.ReadFile(datadir.DBPath(dir))
	must(t, err)
	sum := sha256.Sum256(db)
	must(t, os.WriteFile(w.snapshot, append(db, sum[:]...), 0o600))
}

// plainDir is a temporary directory without the name of the test, which need not be
// one word of a manifest.
func plainDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "noderestore-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	return dir
}

func (w *world) path(path string) string { return filepath.Join(w.dir, path) }

func (w *world) manifests(t *testing.T, manifest string, change ...string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "staticpod", "testdata", manifest))
	must(t, err)
	for i := 0; i < len(change); i += 2 {
		if !strings.Contains(string(text), change[i]) {
			t.Fatalf("%q is not in the manifest", change[i])
		}
		text = []byte(strings.ReplaceAll(string(text), change[i], change[i+1]))
	}
	here := strings.NewReplacer("/var/lib/etcd", w.path("/var/lib/etcd"), "/mnt/", w.path("/mnt")+"/", "/srv/", w.path("/srv")+"/")
	folder := w.path("/etc/kubernetes/manifests")
	w.write(t, "/etc/kubernetes/manifests/etcd"+filepath.Ext(manifest), here.Replace(string(text)))
	for _, name := range components()[:3] {
		w.write(t, "/etc/kubernetes/manifests/"+name+".yaml", `apiVersion: v1
kind: Pod
metadata: {name: `+name+`, namespace: kube-system, labels: {component: `+name+`}}
spec:
  containers:
  - {name: `+name+`, image: "registry.k8s.io/`+name+`:v1.37.2", command: [`+name+`]}
`)
	}
	read, err := staticpod.Read(folder)
	must(t, err)
	w.facts.Manifests = node.Manifests{Path: folder, Folder: read}
	file, err := read.Component(controlplane.Etcd)
	must(t, err)
	w.facts.Etcd = node.EtcdOf(file)
	must(t, errors.Join(w.facts.Etcd.Err, w.facts.Etcd.FlagsErr, w.facts.Etcd.StorageErr))
}

func (w *world) write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(w.path(path)), 0o755))
	must(t, os.WriteFile(w.path(path), []byte(text), 0o600))
}

// oldData puts the data directory of cp1 in place, of a cluster with these members,
// and reads what it tells. With "" there is none.
func (w *world) oldData(t *testing.T, initial string) {
	t.Helper()
	storage := w.facts.Etcd.Storage
	target := restore.Target{Member: w.facts.Etcd.Name, DataDir: storage.Data.HostPath()}
	if storage.WAL != nil {
		target.WALDir = storage.WAL.HostPath()
		must(t, os.MkdirAll(filepath.Dir(target.WALDir), 0o755))
	}
	must(t, os.MkdirAll(filepath.Dir(target.DataDir), 0o755))
	if initial == "" {
		return
	}
	cluster, err := membership.New(initial, "the old one", nil)
	must(t, err)
	_, err = restore.Run(t.Context(), restore.Config{
		Path: w.snapshot, Cluster: cluster, Targets: []restore.Target{target}, Bump: restore.Bump{Mode: restore.BumpBy, By: 100}, MarkCompacted: true,
	})
	must(t, err)
	w.facts.Data.Source, err = evidence.FromDataDir(t.Context(), target.DataDir, target.WALDir)
	must(t, err)
}

// serves lets the node's etcd answer.
func (w *world) serves(revision int64) {
	w.facts.Live = node.Live{Endpoint: "https://127.0.0.1:2379", Status: etcdclient.MemberStatus{
		Endpoint: "https://127.0.0.1:2379", MemberID: w.facts.Data.Source.MemberID, ClusterID: w.facts.Data.Source.ClusterID,
		Leader: w.facts.Data.Source.MemberID, Revision: revision,
	}}
}

func (w *world) wish(mode Mode) Wish {
	return Wish{Snapshot: w.snapshot, Mode: mode, Now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
}

func (w *world) plan(t *testing.T, mode Mode) *Plan {
	t.Helper()
	plan, err := Make(t.Context(), w.facts, w.wish(mode))
	must(t, err)
	return plan
}

// quiet is a runtime in which nothing runs, and a Progress that nobody looks at.
type quiet struct{}

func (quiet) Pods(context.Context, cri.Filter) ([]cri.Pod, error) { return nil, nil }
func (quiet) Stop(context.Context, cri.Pod, time.Duration) error  { return nil }
func (quiet) Remove(context.Context, cri.Pod) error               { return nil }

func (quiet) Begin(string, string, bool)      {}
func (quiet) End(string, string, bool, error) {}
func (quiet) Start(string, int64)             {}
func (quiet) Add(int64)                       {}
func (quiet) Finish()                         {}

// machine is this node at work on a plan, in a run of its own. Nothing runs on it.
func (w *world) machine(t *testing.T, plan *Plan) *machine {
	t.Helper()
	text, err := plan.Encode()
	must(t, err)
	m := bare(plan)
	boundary := func(op, path string) { m.FS.At(op, path) }
	folder, err := journal.Open(filepath.Join(t.TempDir(), "runs"), journal.Options{FS: durable.FS{Boundary: boundary}})
	must(t, err)
	t.Cleanup(folder.Close)
	run, err := folder.Create(text)
	must(t, err)
	t.Cleanup(run.Close)
	m.run = run
	return m
}

// bare is a machine that knows its plan, and no run.
func bare(plan *Plan) *machine {
	m := &machine{
		plan: plan, part: &plan.Node, Options: Options{Progress: quiet{}, Timeout: time.Minute, Meet: time.Minute, Straggler: time.Minute},
		told: map[string]string{}, goneBack: map[string]bool{}, telling: telling, voting: voting,
	}
	m.old = &controlplane.Node{Folder: m.part.Folder, Parked: m.part.Parked, Runtime: quiet{}, PodDirs: filepath.Join(m.part.Folder, "none")}
	coming := *m.old
	m.new = &coming
	if m.part.Mode == ModeManifest {
		m.new.Parked = filepath.Join(m.part.Parked, "new")
	}
	return m
}

// crash ends a piece of work as a SIGKILL would, if it stays in one goroutine.
type crash struct{}

// killedAt does something and is killed at the change of a number. It reports whether
// it came so far.
func (m *machine) killedAt(t *testing.T, n int, do func(context.Context) error) (killed bool) {
	t.Helper()
	met := 0
	boundary := func(string, string) {
		if met++; met == n {
			panic(crash{})
		}
	}
	m.FS.Boundary, m.old.FS.Boundary, m.new.FS.Boundary = boundary, boundary, boundary
	defer func() {
		m.FS, m.old.FS, m.new.FS = durable.FS{}, durable.FS{}, durable.FS{}
		if r := recover(); r == (crash{}) {
			killed = true
		} else if r != nil {
			panic(r)
		}
	}()
	must(t, do(t.Context()))
	return false
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
