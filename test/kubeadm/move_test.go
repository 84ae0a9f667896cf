package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// The cutover changes one line of etcd's manifest, be it that of a first member or of one
// that has joined, and the way back gives the file back. What kubeadm itself makes of its
// configuration afterwards has etcd's data in the same directory of the node.
func TestMove(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, dir string, want facts) {
		for _, member := range []string{dir, filepath.Join(dir, "joined")} {
			file := component(t, read(t, member), "etcd")
			before := factsOf(t, node.EtcdOf(file))
			moved := move(t, file.Manifest, want.Data+"-restored-x")
			requireLine(t, file.Manifest.Bytes(), moved.Bytes(), "      path: "+want.Data, "      path: "+want.Data+"-restored-x")
			file.Manifest = moved
			after := factsOf(t, node.EtcdOf(file))
			remade := factsOf(t, node.EtcdOf(component(t, read(t, filepath.Join(dir, "moved")), "etcd")))
			if after.Data != want.Data+"-restored-x" || after.Data != remade.Data {
				t.Errorf("the data are in %s, after an upgrade in %s", after.Data, remade.Data)
			}
			after.Data = before.Data
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("what else has changed: -before +after\n%s", diff)
			}
			if back := move(t, moved, want.Data); !bytes.Equal(back.Bytes(), component(t, read(t, member), "etcd").Manifest.Bytes()) {
				t.Errorf("the way back leads to\n%s", back.Bytes())
			}
		}
	})
}

// A rejoin gives a first member the flags that kubeadm gives to one that joins.
func TestSetEtcdFlag(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, dir string, _ facts) {
		m := component(t, read(t, dir), "etcd").Manifest
		joined := etcdFlags(t, component(t, read(t, filepath.Join(dir, "joined")), "etcd").Manifest)
		edited, err := m.SetEtcdFlag("initial-cluster", joined["initial-cluster"], "name")
		if err != nil {
			t.Fatal(err)
		}
		if edited, err = edited.SetEtcdFlag("initial-cluster-state", "existing", "initial-cluster"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(joined, etcdFlags(t, edited)); diff != "" {
			t.Errorf("-joined +edited\n%s", diff)
		}
		if before, after := bytes.Count(m.Bytes(), []byte("\n")), bytes.Count(edited.Bytes(), []byte("\n")); after != before+1 {
			t.Errorf("%d lines became %d", before, after)
		}
	})
}

// What becomes of kubeadm's configuration in the cluster is what kubeadm writes itself
// once it has read that: it reads all of it, and means the same.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, dir string, want facts) {
		kept := config(t, dir)
		if got, err := kubeadm.DataDir(kept); err != nil || got != want.Data {
			t.Errorf("the directory is %q, %v", got, err)
		}
		edited, err := kubeadm.SetDataDir(kept, want.Data+"-restored-x")
		if err != nil {
			t.Fatal(err)
		}
		requireLine(t, kept, edited, "    dataDir: "+want.Data, "    dataDir: "+want.Data+"-restored-x")
		if diff := cmp.Diff(string(config(t, filepath.Join(dir, "moved"))), string(edited)); diff != "" {
			t.Errorf("-kubeadm +edited\n%s", diff)
		}
		if back, err := kubeadm.SetDataDir(edited, want.Data); err != nil || !bytes.Equal(back, kept) {
			t.Errorf("the way back leads to %v\n%s", err, back)
		}
	})
}

func move(t *testing.T, m *staticpod.Manifest, dir string) *staticpod.Manifest {
	t.Helper()
	s, err := m.Storage()
	if err != nil {
		t.Fatal(err)
	}
	edits, err := m.Edits(s, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	moved, err := m.Apply(edits...)
	if err != nil {
		t.Fatal(err)
	}
	return moved
}

// requireLine compares byte for byte: one line is another, and the rest is the same.
func requireLine(t *testing.T, before, after []byte, from, to string) {
	t.Helper()
	if n := bytes.Count(before, []byte("\n"+from+"\n")); n != 1 {
		t.Fatalf("the line %q is there %d times", from, n)
	}
	want := strings.Replace(string(before), "\n"+from+"\n", "\n"+to+"\n", 1)
	if diff := cmp.Diff(want, string(after)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func etcdFlags(t *testing.T, m *staticpod.Manifest) map[string]string {
	t.Helper()
	c, err := m.Etcd()
	if err != nil {
		t.Fatal(err)
	}
	flags, err := c.EtcdFlags()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, name := range flags.Names() {
		flag, err := flags.Get(name)
		if err != nil {
			t.Fatal(err)
		}
		values[name] = flag.Value
	}
	return values
}
