package staticpod_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// what the manifests in testdata say.
func golden() map[string]facts {
	plain := facts{Name: "cp1", Peer: "https://10.99.0.11:2380", Data: "/var/lib/etcd", Cluster: "cp1=https://10.99.0.11:2380"}
	with := func(image string) facts { f := plain; f.Image = image; return f }
	joined := with("registry.k8s.io/etcd:3.6.6-0")
	joined.Cluster = "cp2=https://10.99.0.12:2380,cp1=https://10.99.0.11:2380"
	patched := with("registry.k8s.io/etcd:v3.7.3")
	patched.WAL, patched.Quota = "/mnt/fast/etcd-wal/wal", "8589934592"
	return map[string]facts{
		"kubeadm-1.21.yaml":      with("k8s.gcr.io/etcd:3.4.13-0"),
		"kubeadm-1.28.yaml":      with("registry.k8s.io/etcd:3.5.9-0"),
		"kubeadm-1.33.yaml":      with("registry.k8s.io/etcd:3.5.21-0"),
		"kubeadm-1.35.yaml":      joined,
		"kubeadm-1.35-crlf.yaml": joined,
		"kubeadm-1.37.yaml":      with("registry.k8s.io/etcd:v3.7.3"),
		"patched.yaml":           patched,
		"kubeadm.json":           with("registry.k8s.io/etcd:3.5.21-0"),
		"by-hand.yaml": {
			Name: "cp1", Peer: "https://10.99.0.11:2380", Data: "/srv/etcd/data", WAL: "/srv/etcd/wal",
			Image: "registry.example.org:5000/mirror/etcd:v3.6.6", Cluster: "cp1=https://10.99.0.11:2380", Quota: "4294967296",
		},
	}
}

type facts struct{ Name, Peer, Cluster, Image, Data, WAL, Quota string }

func TestGolden(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.*"))
	if err != nil || len(files) != len(golden()) {
		t.Fatalf("%d files in testdata, %d known: %v", len(files), len(golden()), err)
	}
	for name, want := range golden() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := load(t, name)
			if diff := cmp.Diff(want, factsOf(t, m)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func factsOf(t *testing.T, m *staticpod.Manifest) facts {
	t.Helper()
	c, err := m.Etcd()
	if err != nil {
		t.Fatal(err)
	}
	flags, err := c.EtcdFlags()
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Storage()
	if err != nil {
		t.Fatal(err)
	}
	f := facts{
		Name: get(t, flags, "name"), Peer: get(t, flags, "initial-advertise-peer-urls"), Cluster: get(t, flags, "initial-cluster"),
		Image: c.Image, Data: s.Data.HostPath(), Quota: get(t, flags, "quota-backend-bytes"),
	}
	if f.Quota == "0" {
		f.Quota = ""
	}
	if s.WAL != nil {
		f.WAL = s.WAL.HostPath()
	}
	return f
}

// Whatever the manifest looks like, the cutover changes the paths and no other
// byte, and the way back gives the file back.
func TestMoveGolden(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data, wal string
		changes   [][2]string // bytes in the file, each there once
	}{
		"kubeadm-1.21.yaml":      {data: "/var/lib/etcd-x", changes: [][2]string{{"path: /var/lib/etcd\n", "path: /var/lib/etcd-x\n"}}},
		"kubeadm-1.28.yaml":      {data: "/var/lib/e: #", changes: [][2]string{{"path: /var/lib/etcd\n", "path: \"/var/lib/e: #\"\n"}}},
		"kubeadm-1.33.yaml":      {data: "/x", changes: [][2]string{{"path: /var/lib/etcd\n", "path: /x\n"}}},
		"kubeadm-1.35.yaml":      {data: "/var/lib/etcd/new", changes: [][2]string{{"path: /var/lib/etcd\n", "path: /var/lib/etcd/new\n"}}},
		"kubeadm-1.35-crlf.yaml": {data: "/x y", changes: [][2]string{{"path: /var/lib/etcd\r\n", "path: /x y\r\n"}}},
		"kubeadm-1.37.yaml":      {data: "/x", changes: [][2]string{{"path: /var/lib/etcd\n", "path: /x\n"}}},
		"kubeadm.json":           {data: `/x"y`, changes: [][2]string{{`"path": "/var/lib/etcd"`, `"path": "/x\"y"`}}},
		"patched.yaml": {data: "/x", wal: "/mnt/fast/new/wal", changes: [][2]string{
			{"path: /var/lib/etcd\n", "path: /x\n"},
			{"path: /mnt/fast/etcd-wal\n", "path: /mnt/fast/new\n"},
		}},
		"by-hand.yaml": {data: "/srv/it's/data", changes: [][2]string{{"{path: '/srv/etcd',", "{path: '/srv/it''s',"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := load(t, name)
			want := m.Bytes()
			for _, c := range tc.changes {
				if bytes.Count(want, []byte(c[0])) != 1 {
					t.Fatalf("%q is not there once", c[0])
				}
				want = bytes.Replace(want, []byte(c[0]), []byte(c[1]), 1)
			}
			s, err := m.Storage()
			if err != nil {
				t.Fatal(err)
			}
			edits, err := m.Edits(s, tc.data, tc.wal)
			if err != nil {
				t.Fatal(err)
			}
			moved, err := m.Apply(edits...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(moved.Bytes())); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if got, err := moved.Storage(); err != nil || got.Data.HostPath() != tc.data || tc.wal != "" && got.WAL.HostPath() != tc.wal {
				t.Errorf("moved to %+v, %v", got, err)
			}
			requireWayBack(t, m, moved, edits)
		})
	}
}

// requireWayBack undoes edits. A path that got quotes keeps them.
func requireWayBack(t *testing.T, m, moved *staticpod.Manifest, edits []staticpod.Edit) {
	t.Helper()
	var undo []staticpod.Edit
	for _, e := range edits {
		undo = append(undo, staticpod.Edit{Volume: e.Volume, From: e.To, To: e.From})
	}
	back, err := moved.Apply(undo...)
	if err != nil {
		t.Fatal(err)
	}
	unquoted := bytes.ReplaceAll(back.Bytes(), []byte(`path: "/var/lib/etcd"`), []byte("path: /var/lib/etcd"))
	if !bytes.Equal(back.Bytes(), m.Bytes()) && !bytes.Equal(unquoted, m.Bytes()) {
		t.Errorf("-want +got\n%s", cmp.Diff(string(m.Bytes()), string(back.Bytes())))
	}
}

func load(t *testing.T, name string) *staticpod.Manifest {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, string(text))
}

func parse(t *testing.T, text string) *staticpod.Manifest {
	t.Helper()
	m, err := staticpod.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if string(m.Bytes()) != text {
		t.Fatal("the text is not kept")
	}
	return m
}

func get(t *testing.T, f staticpod.Flags, name string) string {
	t.Helper()
	flag, err := f.Get(name)
	if err != nil {
		t.Fatal(err)
	}
	return flag.Value
}
