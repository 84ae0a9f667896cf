package etcdrestore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/local"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
	"github.com/etcd-restore/etcd-restore/test/nodetest"
)

// rooted is a node in a folder of this machine.
type rooted struct {
	transport.Node
	root, state string
	before      func(args []string) // each command; nil for nothing
}

func (r *rooted) Run(ctx context.Context, c transport.Command) error {
	if r.before != nil {
		r.before(c.Args)
	}
	c.Args = slices.Insert(slices.Clone(c.Args), 2, "--rootfs", r.root, "--state-dir", r.state)
	return r.Node.Run(ctx, c)
}

// plane is a control plane in folders, with real members.
type plane struct {
	nodes   []*rooted
	cluster *etcdtest.Cluster
}

func newTestPlane(t *testing.T) *plane {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	first := nodetest.New(t)
	p := &plane{cluster: etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3, TLS: first.TLS(t)})}
	for i, m := range p.cluster.Members {
		n := first
		if i > 0 {
			n = nodetest.New(t)
			if err := os.CopyFS(n.PKI(""), os.DirFS(first.PKI(""))); err != nil {
				t.Fatal(err)
			}
		}
		n.Host(t, p.cluster, m)
		p.nodes = append(p.nodes, &rooted{Node: local.New("host"+fmt.Sprint(i+1), program), root: n.Root, state: filepath.Join(t.TempDir(), "state")})
	}
	p.cluster.Start(t)
	return p
}

func (p *plane) put(t *testing.T, n int) (revision int64) {
	t.Helper()
	client := p.cluster.Client(t)
	for i := range n {
		put, err := client.Put(t.Context(), fmt.Sprintf("/registry/pods/%d", i), "value")
		if err != nil {
			t.Fatal(err)
		}
		revision = put.Header.Revision
	}
	return revision
}

func (p *plane) all() *Nodes {
	n := &Nodes{}
	for _, node := range p.nodes {
		n.All = append(n.All, node)
	}
	return n
}

// clean wants nothing left of a snapshot on any node.
func (p *plane) clean(t *testing.T) {
	t.Helper()
	for _, n := range p.nodes {
		left, err := filepath.Glob(filepath.Join(n.state, "uploads", "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left: %v %v", left, err)
		}
	}
}

// saver is the verb save, with what it prints.
func saver(t *testing.T, file string) (*ClusterSaveOptions, *bytes.Buffer) {
	t.Helper()
	opts := newOptions()
	opts.Program, opts.Format, opts.Progress = plugin, JSON, progress.None
	*opts.KubeConfig = filepath.Join(t.TempDir(), "none")
	var out bytes.Buffer
	return &ClusterSaveOptions{
		ClusterOptions: ClusterOptions{Options: opts, streams: Streams{Out: &out, ErrOut: t.Output()}},
		File:           file, Timeout: nodePatience,
	}, &out
}

func (p *plane) save(t *testing.T, tail string) (clusterSavedReport, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "s.db")
	o, out := saver(t, file)
	o.Tail = tail
	if err := o.save(t.Context(), p.all()); err != nil {
		if _, statErr := os.Stat(file); statErr == nil {
			t.Errorf("a file after %v", err)
		}
		return clusterSavedReport{}, err
	}
	var r clusterSavedReport
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	f, err := snapshot.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	report, err := f.Verify(t.Context(), nil)
	if err != nil || !report.OK() || report.Trailer != snapshot.TrailerMatched {
		t.Errorf("%v, %+v", err, report)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if of := fmt.Sprintf("%x", sha256.Sum256(content)); r.FileSHA256 != of || r.Saved.SHA256 != report.SHA256 {
		t.Errorf("SHA-256 %s of the file and %s of the database, want %s and %s", r.FileSHA256, r.Saved.SHA256, of, report.SHA256)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	return r, nil
}

func (p *plane) look(t *testing.T) *topology.ControlPlane {
	t.Helper()
	o, _ := saver(t, "")
	c, err := o.survey(t.Context(), p.all(), nil, nodePatience, topology.Choice{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// destroy takes the data of a member that is not running.
func (p *plane) destroy(t *testing.T, i int) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(p.cluster.Members[i].DataDir, "member")); err != nil {
		t.Fatal(err)
	}
}

// TestClusterSave goes down with a cluster: whole, all stopped, one destroyed, two
// destroyed. What can be saved is, and what is not proven needs a word.
func TestClusterSave(t *testing.T) {
	t.Parallel()
	p := newTestPlane(t)
	last := p.put(t, 50)

	if v := p.look(t).Verdict; v.Serving != 3 {
		t.Fatalf("%+v", v)
	}
	r, err := p.save(t, "")
	if err != nil || r.Saved.From != fromLive || r.Saved.Revision != last || r.Saved.TotalKey != 50 {
		t.Fatalf("whole: %v %+v", err, r)
	}
	p.clean(t)

	p.cluster.Kill(t)
	c := p.look(t)
	if s := c.Salvage(); s == nil || !s.Complete || len(s.Nodes) != 3 || c.Highest() < last {
		t.Fatalf("stopped: %+v of %+v", s, c.Verdict)
	}
	p.destroy(t, 1)
	r, err = p.save(t, "")
	if err != nil || r.Saved.From != fromDataDir || r.Saved.Revision != last || !r.Saved.Salvage.Complete {
		t.Fatalf("one destroyed: %v %+v", err, r)
	}
	p.clean(t)

	p.destroy(t, 0)
	if _, err := p.save(t, ""); !errors.Is(err, salvage.ErrNoMajority) {
		t.Fatalf("two destroyed: %v", err)
	}
	r, err = p.save(t, string(salvage.TailInclude))
	if err != nil || r.Saved.Revision != last || r.Saved.Salvage.Complete || r.Node != p.cluster.Members[2].Name {
		t.Fatalf("two destroyed: %v %+v", err, r)
	}
	p.clean(t)

	p.destroy(t, 2)
	if _, err := p.save(t, string(salvage.TailInclude)); !errors.Is(err, errNoSource) {
		t.Errorf("nothing left: %v", err)
	}
}

// TestClusterSaveLeavesNothing: neither an interruption nor a failure leaves a copy on the
// node, or half a file here.
func TestClusterSaveLeavesNothing(t *testing.T) {
	t.Parallel()
	p := newTestPlane(t)
	p.put(t, 10)
	for name, at := range map[string]string{"while it is fetched": "send", "while it is taken": "save"} {
		file := filepath.Join(t.TempDir(), "s.db")
		o, _ := saver(t, file)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, n := range p.nodes {
			n.before = func(args []string) {
				if args[1] == at {
					cancel()
				}
			}
		}
		if err := o.save(ctx, p.all()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		p.clean(t)
		if left, _ := filepath.Glob(file + "*"); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	for _, n := range p.nodes {
		n.before = nil
	}
	file := filepath.Join(t.TempDir(), "s.db")
	if err := os.WriteFile(file, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, _ := saver(t, file)
	if err := o.save(t.Context(), p.all()); !errors.Is(err, newfile.ErrExists) {
		t.Errorf("over another file: %v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "mine" {
		t.Errorf("it is %q now, %v", text, err)
	}
	p.clean(t)
}

// TestSilentNode: a node that hangs is named, and the others are shown.
func TestSilentNode(t *testing.T) {
	t.Parallel()
	o, _ := saver(t, "")
	c, err := o.survey(t.Context(), &Nodes{All: []transport.Node{silent{}}}, nil, 1, topology.Choice{})
	if err != nil || c.Nodes[0].State != topology.Unreached || !strings.Contains(c.Nodes[0].Error, "no answer within") {
		t.Errorf("%v %+v", err, c)
	}
}

// silent is a node that never answers.
type silent struct{ transport.Node }

func (silent) Name() string { return "cp9" }

func (silent) Run(ctx context.Context, _ transport.Command) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestSnapshotName: the name of a cluster makes no other path.
func TestSnapshotName(t *testing.T) {
	t.Parallel()
	for cluster, want := range map[string]string{
		"kubernetes":       "etcd-kubernetes-20261126T120000Z.db",
		"../../etc/passwd": "etcd-etc-passwd-20261126T120000Z.db",
		"":                 "etcd-20261126T120000Z.db",
	} {
		c := &topology.ControlPlane{Time: noon, Kubernetes: &topology.Kubernetes{Cluster: cluster}}
		if got := snapshotName(c); got != want {
			t.Errorf("%q: %s", cluster, got)
		}
	}
}
