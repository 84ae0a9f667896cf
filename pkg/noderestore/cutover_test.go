package noderestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

// The new manifest is the old one with other paths, and not another byte; it belongs
// to whom the old one belonged to, and stays where the kubelet does not look (I9).
func TestEdit(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kubeadm-1.37.yaml", "kubeadm-1.35-crlf.yaml", "kubeadm.json", "patched.yaml", "by-hand.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, name, "")
			part, err := NewPart(t.Context(), w.facts, ModeManifest, id)
			must(t, err)
			m := w.machine(t, &Plan{APIVersion: APIVersion, Kind: Kind, Decision: Decision{ID: id}, Node: part})
			file := part.pod(controlplane.Etcd).File
			old := filepath.Join(part.Folder, file)
			must(t, os.Chmod(old, 0o640))
			if os.Geteuid() == 0 {
				must(t, os.Chown(old, 1234, 4321))
			}
			text, err := os.ReadFile(old)
			must(t, err)
			want := string(text)
			for _, e := range part.Edits {
				if n := strings.Count(want, "path: "+e.From); name != "kubeadm.json" && name != "by-hand.yaml" && n == 0 {
					t.Fatalf("%s is not in the manifest", e.From)
				}
			}

			must(t, m.keep(t.Context()))
			must(t, m.takeOut(t.Context()))
			for range 2 { // the second time over what a killed process left
				must(t, m.edit(t.Context()))
			}
			made := filepath.Join(part.Parked, "new", file)
			got, err := os.ReadFile(made)
			must(t, err)
			if diff := cmp.Diff(changedLines(want, part), changedLines(string(got), Part{})); diff != "" {
				t.Error(diff)
			}
			if string(got) == want {
				t.Error("nothing was changed")
			}
			was, err := os.Stat(filepath.Join(part.Parked, file))
			must(t, err)
			is, err := os.Stat(made)
			must(t, err)
			a, b := was.Sys().(*syscall.Stat_t), is.Sys().(*syscall.Stat_t)
			if is.Mode() != was.Mode() || a.Uid != b.Uid || a.Gid != b.Gid || is.Mode().Perm() != 0o640 {
				t.Errorf("%v of %d:%d, and the old one %v of %d:%d", is.Mode(), b.Uid, b.Gid, was.Mode(), a.Uid, a.Gid)
			}
			if entries, err := os.ReadDir(part.Folder); err != nil || len(entries) > 0 {
				t.Errorf("in the folder: %v, %v", entries, err)
			}
			must(t, m.unedit(t.Context()))
			must(t, m.unedit(t.Context()))
			if still, err := os.ReadFile(filepath.Join(part.Parked, file)); err != nil || string(still) != want {
				t.Errorf("the old manifest is not as it was: %v", err)
			}
		})
	}
}

// changedLines is a manifest with the paths of the volumes replaced, for comparison.
func changedLines(text string, part Part) string {
	lines := strings.SplitAfter(text, "\n")
	for i, line := range lines {
		for _, e := range part.Edits {
			for _, form := range []string{"path: %s", "path: '%s'", `"path": %q`, `"path":%q`} {
				line = strings.Replace(line, fmt.Sprintf(form, e.From), fmt.Sprintf(form, e.To), 1)
			}
		}
		lines[i] = line
	}
	return strings.Join(lines, "")
}

// Killed at any change, the manifest is written anew or gone.
func TestEditKilled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", "")
	part, err := NewPart(t.Context(), w.facts, ModeManifest, id)
	must(t, err)
	m := w.machine(t, &Plan{APIVersion: APIVersion, Kind: Kind, Decision: Decision{ID: id}, Node: part})
	must(t, m.keep(t.Context()))
	must(t, m.takeOut(t.Context()))
	before := tree(t, w.dir)
	must(t, m.edit(t.Context()))
	after := tree(t, w.dir)
	for n := 1; ; n++ {
		must(t, m.unedit(t.Context()))
		killed := m.killedAt(t, n, m.edit)
		if n%2 == 0 {
			must(t, m.unedit(t.Context()))
			if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
				t.Fatalf("killed at %d, then back: %s", n, diff)
			}
		}
		must(t, m.edit(t.Context()))
		if diff := cmp.Diff(after, tree(t, w.dir)); diff != "" {
			t.Fatalf("killed at %d, then again: %s", n, diff)
		}
		if !killed {
			if n < 7 {
				t.Errorf("only %d changes", n)
			}
			return
		}
	}
}

// A manifest that changed after the plan, up to the moment when it is taken out, ends
// the run; the way back brings the changed one back.
func TestManifestChanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the pauses of a stop cost nothing in it
		for _, late := range []bool{false, true} {
			w := newWorld(t, "kubeadm-1.37.yaml", "")
			part, err := NewPart(t.Context(), w.facts, ModeManifest, id)
			must(t, err)
			m := w.machine(t, &Plan{APIVersion: APIVersion, Kind: Kind, Decision: Decision{ID: id}, Node: part})
			change := func() { w.write(t, "/etc/kubernetes/manifests/kube-scheduler.yaml", "another") }
			if late {
				must(t, m.keep(t.Context()))
				change()
				if err := m.takeOut(t.Context()); !errors.Is(err, ErrChanged) {
					t.Errorf("got %v", err)
				}
				must(t, m.serveAgain(t.Context()))
			} else {
				change()
				if err := m.keep(t.Context()); !errors.Is(err, ErrChanged) {
					t.Errorf("got %v", err)
				}
			}
			text, err := os.ReadFile(w.path("/etc/kubernetes/manifests/kube-scheduler.yaml"))
			if string(text) != "another" || err != nil {
				t.Errorf("%q, %v", text, err)
			}
			if _, err := os.Stat(w.path("/etc/kubernetes/etcd-restore")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the folder for manifests is still there: %v", err)
			}
		}
	})
}

// Somebody has tidied up the folder of the manifests that are out: they come back from
// the run's copy, byte for byte, whenever that is interrupted.
func TestManifestsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the pauses of a stop cost nothing in it
		w := newWorld(t, "kubeadm-1.37.yaml", "")
		part, err := NewPart(t.Context(), w.facts, ModeManifest, id)
		must(t, err)
		m := w.machine(t, &Plan{APIVersion: APIVersion, Kind: Kind, Decision: Decision{ID: id}, Node: part})
		before := map[string]string{}
		for _, manifest := range part.Manifests {
			text, err := os.ReadFile(w.path("/etc/kubernetes/manifests/" + manifest.File))
			must(t, err)
			before[manifest.File] = string(text)
		}
		must(t, m.keep(t.Context()))
		for n, killed := 1, true; killed; n++ {
			must(t, m.takeOut(t.Context()))
			must(t, os.RemoveAll(w.path("/etc/kubernetes/etcd-restore")))
			killed = m.killedAt(t, n, m.serveAgain)
			must(t, m.serveAgain(t.Context()))
			for name, want := range before {
				if text, err := os.ReadFile(w.path("/etc/kubernetes/manifests/" + name)); string(text) != want || err != nil {
					t.Fatalf("killed at %d: %s: %q, %v", n, name, text, err)
				}
			}
			if _, err := os.Stat(w.path("/etc/kubernetes/etcd-restore")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("killed at %d: the folder for manifests is still there: %v", n, err)
			}
		}
	})
}

// swapWorld is a staged world whose directories can change names.
func swapWorld(t *testing.T, manifest string) (*world, *machine) {
	t.Helper()
	w := newWorld37(t, manifest)
	_, m := w.staging(t, ModeSwap)
	must(t, m.stage(t.Context()))
	return w, m
}

// Killed at any change, the directories go on to change names, or go back.
func TestSwapKilled(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{"kubeadm": "kubeadm-1.37.yaml", "the log elsewhere": "patched.yaml", "both below one volume": "by-hand.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, m := swapWorld(t, manifest)
			before := tree(t, w.dir)
			must(t, m.swap(t.Context()))
			after := tree(t, w.dir)
			if diff := cmp.Diff(before, after); diff == "" {
				t.Fatal("nothing has changed")
			}
			if id, err := clusterOf(m.data(), m.part.OldWAL); err != nil || id != m.plan.Decision.ClusterID {
				t.Errorf("where etcd looks is cluster %s, %v", id, err)
			}
			must(t, m.swapBack(t.Context()))
			same := func(what string, n int, want map[string]string) {
				t.Helper()
				if diff := cmp.Diff(want, tree(t, w.dir)); diff != "" {
					t.Fatalf("%s, killed at %d: %s", what, n, diff)
				}
			}
			for n, killed := 1, true; killed; n++ {
				killed = m.killedAt(t, n, m.swap)
				if n%2 == 0 {
					must(t, m.swapBack(t.Context()))
					same("swap, then back", n, before)
				}
				must(t, m.swap(t.Context()))
				if done, err := m.swapped(t.Context()); !done || err != nil {
					t.Errorf("swapped: %t, %v", done, err)
				}
				same("swap, then again", n, after)
				killed = m.killedAt(t, n, m.swapBack) || killed
				must(t, m.swapBack(t.Context()))
				same("back, then again", n, before)
				if done, err := m.swapped(t.Context()); done || err != nil {
					t.Errorf("swapped: %t, %v", done, err)
				}
			}
		})
	}
}

// Without an old directory there is nothing to exchange with, and the way back leads
// to none.
func TestSwapWithoutOld(t *testing.T) {
	t.Parallel()
	w, m := swapWorld(t, "kubeadm-1.37.yaml")
	must(t, os.RemoveAll(m.part.OldData))
	before := tree(t, w.dir)
	must(t, m.swap(t.Context()))
	must(t, m.swap(t.Context()))
	if done, err := m.swapped(t.Context()); !done || err != nil {
		t.Errorf("swapped: %t, %v", done, err)
	}
	must(t, m.swapBack(t.Context()))
	if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
		t.Error(diff)
	}
}

// Where nobody can tell which directory is the new one, none is moved: the way back
// must not take the old data for the new, nor the other way round.
func TestSwapUnknown(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]func(*machine, context.Context) error{"swap": (*machine).swap, "back": (*machine).swapBack} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, m := swapWorld(t, "kubeadm-1.37.yaml")
			if name == "back" {
				must(t, m.swap(t.Context()))
			}
			for _, dir := range []string{m.part.OldData, m.part.NewData} {
				must(t, os.WriteFile(datadir.DBPath(dir), []byte("damaged"), 0o600))
			}
			before := tree(t, w.dir)
			if err := step(m, t.Context()); !errors.Is(err, ErrSwap) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
	// An old database that is damaged, which may be why all this is done, is no obstacle.
	_, m := swapWorld(t, "kubeadm-1.37.yaml")
	must(t, os.WriteFile(datadir.DBPath(m.part.OldData), []byte("damaged"), 0o600))
	must(t, m.swap(t.Context()))
	must(t, m.swapBack(t.Context()))
	if text, err := os.ReadFile(datadir.DBPath(m.part.OldData)); err != nil || string(text) != "damaged" {
		t.Errorf("%.20q, %v", text, err)
	}
}

// To unstage after the directories changed names would remove the old data: they are
// not ours, and stay (I3).
func TestUnstageSwapped(t *testing.T) {
	t.Parallel()
	w, m := swapWorld(t, "patched.yaml")
	must(t, m.swap(t.Context()))
	before := tree(t, w.dir)
	must(t, m.unstage(t.Context()))
	if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
		t.Error(diff)
	}
}
