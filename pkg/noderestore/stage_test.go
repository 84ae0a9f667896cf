package noderestore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

// tree is everything below a folder: permissions, and what files hold.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += " " + digest(text)
		}
		found[strings.TrimPrefix(path, dir)] = what
		return nil
	}))
	return found
}

func (w *world) staging(t *testing.T, mode Mode) (*Plan, *machine) {
	t.Helper()
	plan := w.plan(t, mode)
	m := bare(plan)
	return plan, m
}

// The new data are those of the plan, and to stage and unstage leaves the node as it
// was (I1, I3).
func TestStage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		manifest string
		mode     Mode
	}{
		"kubeadm":                        {"kubeadm-1.37.yaml", ModeManifest},
		"swap":                           {"kubeadm-1.37.yaml", ModeSwap},
		"the log elsewhere":              {"patched.yaml", ModeManifest},
		"both below one volume":          {"by-hand.yaml", ModeManifest},
		"both below one volume, swapped": {"by-hand.yaml", ModeSwap},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld37(t, tc.manifest)
			before := tree(t, w.dir)
			plan, m := w.staging(t, tc.mode)
			if there, err := m.staged(t.Context()); there || err != nil {
				t.Fatalf("staged: %t, %v", there, err)
			}
			must(t, m.stage(t.Context()))
			if there, err := m.staged(t.Context()); !there || err != nil {
				t.Errorf("staged: %t, %v", there, err)
			}
			s, err := evidence.FromDataDir(t.Context(), plan.Node.NewData, plan.Node.NewWAL)
			must(t, err)
			if hexID(s.ClusterID) != plan.Decision.ClusterID || s.Highest() != plan.Decision.Revision || s.MemberName != "cp1" {
				t.Errorf("made %+v", s)
			}
			must(t, m.stage(t.Context())) // once more: what stands is made again
			must(t, m.unstage(t.Context()))
			must(t, m.unstage(t.Context()))
			if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A plan that was changed by hand is found out while everything still serves.
func TestStageRefusesAnotherRevision(t *testing.T) {
	t.Parallel()
	w := newWorld37(t, "kubeadm-1.37.yaml")
	plan, m := w.staging(t, ModeManifest)
	plan.Decision.Proof.Bump = 0
	if err := m.stage(t.Context()); !errors.Is(err, ErrPlan) {
		t.Errorf("got %v", err)
	}
}

// newWorld37 is a world whose etcd is the one of the snapshot.
func newWorld37(t *testing.T, manifest string) *world {
	t.Helper()
	if manifest == "by-hand.yaml" {
		return newWorld(t, manifest, single, "etcd:v3.6.6", "etcd:v3.7.3")
	}
	return newWorld(t, manifest, single)
}

// What a volume above the data lets through must stay open to an etcd that is not root.
func TestStageKeepsParents(t *testing.T) {
	t.Parallel()
	w := newWorld37(t, "by-hand.yaml")
	must(t, os.Chmod(w.path("/srv/etcd"), 0o751))
	plan, m := w.staging(t, ModeManifest)
	must(t, m.stage(t.Context()))
	if info, err := os.Stat(filepath.Dir(plan.Node.NewData)); err != nil || info.Mode().Perm() != 0o751 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Killed at any change, the same again goes on to whole data, and the way back leaves
// the node as it was.
func TestStageKilled(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{"the log elsewhere": "patched.yaml", "both below one volume": "by-hand.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld37(t, manifest)
			before := tree(t, w.dir)
			plan, m := w.staging(t, ModeManifest)
			count := stageInChild(t, plan, 0)
			must(t, m.unstage(t.Context()))
			if count < 15 {
				t.Fatalf("only %d changes: the seam is not where the work is", count)
			}
			for n := 1; n <= count; n++ {
				stageInChild(t, plan, n)
				if n%2 == 0 { // forward, then back
					if there, err := m.staged(t.Context()); err != nil {
						t.Error(err)
					} else if !there {
						must(t, m.stage(t.Context()))
					}
				}
				must(t, m.unstage(t.Context()))
				if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
					t.Fatalf("killed at %d of %d: %s", n, count, diff)
				}
			}
		})
	}
}

// Killed at any change on the way back, the way back goes on.
func TestUnstageKilled(t *testing.T) {
	t.Parallel()
	for name, manifest := range map[string]string{"kubeadm": "kubeadm-1.37.yaml", "the log elsewhere": "patched.yaml", "both below one volume": "by-hand.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld37(t, manifest)
			before := tree(t, w.dir)
			_, m := w.staging(t, ModeManifest)
			for n := 1; ; n++ {
				must(t, m.stage(t.Context()))
				killed := m.killedAt(t, n, m.unstage)
				must(t, m.unstage(t.Context()))
				if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
					t.Fatalf("killed at %d: %s", n, diff)
				}
				if !killed {
					if n < 3 {
						t.Fatalf("only %d changes", n)
					}
					return
				}
			}
		})
	}
}

// What stands where the new data should is somebody's: it is never removed (I3), nor
// written into.
func TestNeverRemovesOthers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		manifest string
		put      func(*testing.T, *world, *Part)
	}{
		"data of another cluster": {"kubeadm-1.37.yaml", func(t *testing.T, w *world, p *Part) { must(t, os.CopyFS(p.NewData, os.DirFS(p.OldData))) }},
		"a log of another cluster": {"patched.yaml", func(t *testing.T, w *world, p *Part) {
			must(t, os.MkdirAll(filepath.Dir(p.NewWAL), 0o700))
			must(t, os.CopyFS(p.NewWAL, os.DirFS(p.OldWAL)))
		}},
		"something else": {"kubeadm-1.37.yaml", func(t *testing.T, w *world, p *Part) {
			must(t, os.Mkdir(p.NewData, 0o700))
			must(t, os.WriteFile(filepath.Join(p.NewData, "precious"), []byte("x"), 0o600))
		}},
		"a database without a log": {"kubeadm-1.37.yaml", func(t *testing.T, w *world, p *Part) {
			must(t, os.MkdirAll(filepath.Dir(datadir.DBPath(p.NewData)), 0o700))
			text, err := os.ReadFile(datadir.DBPath(p.OldData))
			must(t, err)
			must(t, os.WriteFile(datadir.DBPath(p.NewData), text, 0o600))
		}},
		"a file": {"kubeadm-1.37.yaml", func(t *testing.T, w *world, p *Part) { must(t, os.WriteFile(p.NewData, []byte("x"), 0o600)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld37(t, tc.manifest)
			plan, m := w.staging(t, ModeManifest)
			tc.put(t, w, &plan.Node)
			before := tree(t, w.dir)
			if err := m.stage(t.Context()); err == nil {
				t.Error("staged all the same")
			} else if errors.Is(err, restore.ErrTarget) && !errors.As(err, new(interface{ Hint() string })) {
				t.Errorf("no hint: %v", err)
			}
			_ = m.unstage(t.Context()) // may well say that it cannot tell whose it is
			if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
