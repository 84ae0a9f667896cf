package controlplane_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
)

// folders are the manifests that are in, and those that are out.
func folders(t *testing.T, m *machine) (in, out []string) {
	t.Helper()
	for dir, names := range map[string]*[]string{m.Folder: &in, m.Parked: &out} {
		entries, err := os.ReadDir(dir)
		if !errors.Is(err, os.ErrNotExist) {
			must(t, err)
		}
		for _, e := range entries {
			*names = append(*names, e.Name())
		}
	}
	return in, out
}

// Manifests go out and come back byte for byte; what is there already stays.
func TestTakeOutAndPutIn(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for range 2 {
		must(t, m.TakeOut(pod("kube-apiserver"), pod(controlplane.Etcd)))
		in, out := folders(t, m)
		if diff := cmp.Diff([][]string{{"kube-scheduler.yaml"}, {"etcd.yaml", "kube-apiserver.yaml"}}, [][]string{in, out}); diff != "" {
			t.Error(diff)
		}
	}
	for range 2 {
		must(t, m.PutIn(pod(controlplane.Etcd)))
		in, out := folders(t, m)
		if diff := cmp.Diff([][]string{{"etcd.yaml", "kube-scheduler.yaml"}, {"kube-apiserver.yaml"}}, [][]string{in, out}); diff != "" {
			t.Error(diff)
		}
	}
	if text, err := os.ReadFile(filepath.Join(m.Folder, "etcd.yaml")); err != nil || string(text) != "etcd" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(m.Parked); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A manifest that is in and out at once, or nowhere, is for a person to look at:
// neither is touched.
func TestManifestNotWhereItShouldBe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]func(*testing.T, *machine){
		"both": func(t *testing.T, m *machine) {
			must(t, m.TakeOut(pod(controlplane.Etcd)))
			must(t, os.WriteFile(filepath.Join(m.Folder, "etcd.yaml"), []byte("an upgrade's"), 0o600))
		},
		"neither": func(t *testing.T, m *machine) { must(t, os.Remove(filepath.Join(m.Folder, "etcd.yaml"))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			tc(t, m)
			inBefore, outBefore := folders(t, m)
			etcd := pod(controlplane.Etcd)
			for what, err := range map[string]error{
				"TakeOut": m.TakeOut(etcd), "PutIn": m.PutIn(etcd), "Halt": m.Halt(t.Context(), etcd), "Start": m.Start(t.Context(), etcd),
			} {
				if !errors.Is(err, controlplane.ErrManifest) {
					t.Errorf("%s: %v", what, err)
				}
			}
			in, out := folders(t, m)
			if diff := cmp.Diff([][]string{inBefore, outBefore}, [][]string{in, out}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Killed at any change, every manifest is in or out, and the same again goes on.
func TestKilledWhileMoving(t *testing.T) {
	t.Parallel()
	type killed struct{}
	for at := 0; ; at++ {
		m := newMachine(t)
		count, limit := 0, at
		m.FS.Boundary = func(string, string) {
			if count++; count > limit {
				panic(killed{})
			}
		}
		done := func() (done bool) {
			defer func() {
				if r := recover(); r != nil && r != (killed{}) {
					panic(r)
				}
			}()
			must(t, m.TakeOut(all()...))
			for _, p := range all() {
				must(t, m.PutIn(p))
			}
			return true
		}()
		if done {
			if at < 10 {
				t.Errorf("only %d changes: the seam is not where the work is", at)
			}
			return
		}
		in, out := folders(t, m)
		if len(in)+len(out) != len(all()) {
			t.Errorf("killed at %d: in %v, out %v", at, in, out)
		}
		m.FS.Boundary = nil
		must(t, m.TakeOut(all()...))
		if in, out := folders(t, m); len(in) != 0 || len(out) != len(all()) {
			t.Errorf("killed at %d, then again: in %v, out %v", at, in, out)
		}
	}
}
