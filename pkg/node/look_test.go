package node_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/test/nodetest"
)

func look(t *testing.T, n kubeadm.Node) *node.Facts {
	t.Helper()
	return node.Look(t.Context(), node.Config{Root: n, Timeout: 10 * time.Second})
}

// golden writes a manifest that kubeadm has written.
func golden(t *testing.T, n *nodetest.Node, name string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../staticpod/testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	n.Write(t, "/etc/kubernetes/manifests/etcd.yaml", string(text))
}

// Every part of a machine without kubeadm has an error, or nothing, and none is a
// panic.
func TestNothing(t *testing.T) {
	t.Parallel()
	f := look(t, kubeadm.Node{Root: t.TempDir()})
	for name, err := range map[string]error{
		"manifests": f.Manifests.Err, "etcd": f.Etcd.Err, "data": f.Data.Err, "kubelet's configuration": f.Kubelet.ConfigErr,
	} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want ErrNotExist", name, err)
		}
	}
	for name, err := range map[string]error{"live": f.Live.Err, "runtime": f.Runtime.Err} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if f.Runs.Err != nil || len(f.Runs.Runs) != 0 || f.Backups.Err != nil || len(f.Backups.Paths) != 0 {
		t.Errorf("runs %+v, backups %+v", f.Runs, f.Backups)
	}
	for _, c := range f.Certificates {
		if c.Certificate != nil || !errors.Is(c.Err, fs.ErrNotExist) {
			t.Errorf("certificate %s: %v", c.Name, c.Err)
		}
	}
	if !f.Data.Assumed || f.Data.Dir.Path != "/var/lib/etcd" || f.Time.IsZero() {
		t.Errorf("%+v", f.Data)
	}
}

func TestManifestOfKubeadm(t *testing.T) {
	t.Parallel()
	n := nodetest.New(t)
	golden(t, n, "kubeadm-1.37.yaml")
	n.Write(t, "/etc/kubernetes/manifests/notes.txt", "remember the milk")
	n.Write(t, "/etc/kubernetes/tmp/kubeadm-backup-etcd-2026-01-02-03-04-05/etcd/x", "")
	f := look(t, n.Node)
	e := f.Etcd
	if e.Err != nil || e.VersionErr != nil || e.FlagsErr != nil || e.StorageErr != nil {
		t.Fatal(errors.Join(e.Err, e.VersionErr, e.FlagsErr, e.StorageErr))
	}
	type facts struct {
		Version, Name, Cluster, Data   string
		Peer, Client, ListenClient     []string
		Quota                          int64
		Stray                          []staticpod.Problem
		Backups                        int
		ServesAt, StaticPods, DataAlso string
	}
	got := facts{
		e.Version.String(), e.Name, e.InitialCluster, e.Storage.Data.HostPath(), e.PeerURLs, e.ClientURLs, e.ListenClientURLs, e.Quota,
		nil, len(f.Backups.Paths), f.Live.Endpoint, f.Manifests.Path, f.Data.Dir.Local,
	}
	for _, finding := range f.Manifests.Findings {
		got.Stray = append(got.Stray, finding.Problem)
	}
	want := facts{
		"3.7.3", "cp1", "cp1=https://10.99.0.11:2380", "/var/lib/etcd",
		[]string{"https://10.99.0.11:2380"},
		[]string{"https://10.99.0.11:2379"},
		[]string{"https://127.0.0.1:2379", "https://10.99.0.11:2379"},
		2 << 30,
		[]staticpod.Problem{staticpod.ProblemMalformed},
		1, "https://127.0.0.1:2379", n.ManifestFolder(), n.Path("/var/lib/etcd"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if !errors.Is(f.Data.Err, fs.ErrNotExist) || f.Data.Assumed {
		t.Errorf("data: %+v", f.Data)
	}
}

func TestFlagsThatAreNotKnown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		more  []string
		quota int64
		bad   bool
	}{
		"quota":           {[]string{"--quota-backend-bytes=8589934592"}, 8 << 30, false},
		"quota 0":         {[]string{"--quota-backend-bytes=0"}, 2 << 30, false},
		"no limit":        {[]string{"--quota-backend-bytes=-1"}, -1, false},
		"no number":       {[]string{"--quota-backend-bytes=much"}, 0, true},
		"config file":     {[]string{"--config-file=/etc/etcd.yaml"}, 0, true},
		"not in the text": {[]string{"--name=$(NODE)"}, 2 << 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := nodetest.New(t)
			n.WriteEtcd(t, nodetest.EtcdFlags{Name: "a", PeerURL: "https://10.0.0.1:2380", ClientURL: "https://10.0.0.1:1", InitialCluster: "a=https://10.0.0.1:2380", More: tc.more})
			e := look(t, n.Node).Etcd
			if e.Err != nil || (e.FlagsErr != nil) != tc.bad || e.Quota != tc.quota {
				t.Errorf("%v, %v, quota %d", e.Err, e.FlagsErr, e.Quota)
			}
		})
	}
}

func TestDirectoryThatIsNone(t *testing.T) {
	t.Parallel()
	n := nodetest.New(t)
	golden(t, n, "kubeadm-1.37.yaml")
	n.Write(t, "/var/lib/etcd/notes.txt", "12345")
	d := look(t, n.Node).Data
	if d.Err != nil || d.Dir.Size != 5 || d.Dir.Free == 0 || d.Dir.Device == 0 || d.Dir.Mode != 0o700 || d.Dir.UID != os.Getuid() || d.Dir.MountPoint {
		t.Errorf("%+v", d)
	}
	if !errors.Is(d.SourceErr, datadir.ErrNotDataDir) || d.Running {
		t.Errorf("a folder with notes is a data directory: %v", d.SourceErr)
	}
}

func TestMountPoint(t *testing.T) {
	t.Parallel()
	n := nodetest.New(t)
	n.WriteEtcd(t, nodetest.EtcdFlags{Name: "a", PeerURL: "http://x:1", ClientURL: "http://x:2", InitialCluster: "a=http://x:1"})
	if err := os.MkdirAll(n.Path("/var/lib"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc", n.Path("/var/lib/etcd")); err != nil {
		t.Fatal(err)
	}
	if d := look(t, n.Node).Data; d.Err != nil || !d.Dir.MountPoint {
		t.Errorf("/proc is no mount point: %+v", d.Dir)
	}
}

func TestRuns(t *testing.T) {
	t.Parallel()
	n := nodetest.New(t)
	path := n.Path(node.DefaultRuns)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	folder, err := journal.Open(path, journal.Options{FS: durable.FS{}})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	run, err := folder.Create([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if err := run.Intent("stop"); err != nil {
		t.Fatal(err)
	}
	r := look(t, n.Node).Runs
	if r.Err != nil || len(r.Runs) != 1 || r.Runs[0].Name != run.Name || len(r.Runs[0].Records) != 2 || r.Path != path {
		t.Errorf("%+v", r)
	}
}
