package noderestore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// A run that cannot even begin is over, so that the next is not in its way; nothing has
// changed on the node.
func TestRunThatCannotBegin(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", single)
	plan := w.plan(t, ModeManifest)
	plan.Node.Folder = w.path("/nowhere") // and no manifest in it
	before := tree(t, w.dir)
	folder, err := journal.Open(filepath.Join(t.TempDir(), "runs"), journal.Options{})
	must(t, err)
	defer folder.Close()
	for range 2 {
		run, err := Run(t.Context(), folder, plan, Options{Progress: quiet{}})
		if err == nil || run == nil {
			t.Fatalf("got %v, %v", run, err)
		}
		if state := run.State(); state.Outcome != journal.RolledBack || errors.Is(err, journal.ErrUnfinished) {
			t.Errorf("%+v, %v", state, err)
		}
		run.Close()
	}
	if after := tree(t, w.dir); len(after) != len(before) {
		t.Errorf("something has changed: %v", after)
	}
}

// Nor is one that died before its first step, whatever has become of the node since.
func TestRollbackOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", single)
	m := w.machine(t, w.plan(t, ModeManifest))
	must(t, os.RemoveAll(w.path("/etc")))
	must(t, Rollback(t.Context(), m.run, Options{Progress: quiet{}}))
	if state := m.run.State(); state.Outcome != journal.RolledBack {
		t.Errorf("%+v", state)
	}
}

// A plan that was carried out before must not take the data that etcd runs on now for
// what a killed process has left (I3).
func TestRunTwice(t *testing.T) {
	t.Parallel()
	for _, manifest := range []string{"kubeadm-1.37.yaml", "patched.yaml"} { // the log elsewhere
		w := newWorld37(t, manifest)
		plan, m := w.staging(t, ModeManifest)
		must(t, m.stage(t.Context()))
		before := tree(t, w.dir)
		folder, err := journal.Open(filepath.Join(t.TempDir(), "runs"), journal.Options{})
		must(t, err)
		defer folder.Close()
		if run, err := Run(t.Context(), folder, plan, Options{Progress: quiet{}}); run != nil || !errors.Is(err, restore.ErrTarget) {
			t.Errorf("%s: got %v, %v", manifest, run, err)
		}
		if diff := cmp.Diff(before, tree(t, w.dir)); diff != "" {
			t.Error(diff)
		}
	}
}

// A run that is over is told so, and stays as it is.
func TestFinished(t *testing.T) {
	t.Parallel()
	m := newWorld(t, "kubeadm-1.37.yaml", single).machine(t, &Plan{})
	must(t, errors.Join(m.run.Intent("a/b"), m.run.Undoing("a/b"), m.run.Undone("a/b"), m.run.Finish(journal.RolledBack)))
	for name, do := range map[string]func() error{
		"resume":   func() error { return Resume(t.Context(), m.run, Options{}) },
		"rollback": func() error { return Rollback(t.Context(), m.run, Options{}) },
	} {
		if err := do(); !errors.Is(err, ErrFinished) || !strings.Contains(err.Error(), "rolled back") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The next command fits what stands.
func TestExplain(t *testing.T) {
	t.Parallel()
	step := func(run *journal.Run) { must(t, errors.Join(run.Intent("a/b"), run.Done("a/b"))) }
	for name, tc := range map[string]struct {
		err   error
		state func(*journal.Run)
		want  []string
		not   string
	}{
		"half-way":             {workflow.ErrStuck, step, []string{"node resume", "node rollback"}, "--to-old-data"},
		"on the way back":      {workflow.ErrStuck, func(r *journal.Run) { step(r); must(t, r.Undoing("a/b")) }, []string{"node rollback"}, "node resume"},
		"committed":            {workflow.ErrStuck, func(r *journal.Run) { step(r); must(t, r.Commit()) }, []string{"node resume", "--to-old-data"}, ""},
		"others have":          {errors.Join(workflow.ErrStuck, workflow.ErrCommitted), func(r *journal.Run) { step(r); must(t, r.Commit()) }, []string{"node resume"}, ""},
		"asked to go back":     {workflow.ErrCommitted, func(r *journal.Run) { step(r); must(t, r.Commit()) }, []string{"node resume", "--to-old-data"}, ""},
		"asked to, at the end": {workflow.ErrCommitted, func(r *journal.Run) { step(r); must(t, errors.Join(r.Commit(), r.Finish(journal.Complete))) }, []string{"--to-old-data"}, "node resume"},
		"everything is well":   {nil, step, nil, ""},
		"rolled back":          {workflow.ErrRolledBack, step, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newWorld(t, "kubeadm-1.37.yaml", "").machine(t, &Plan{})
			tc.state(m.run)
			err := m.explain(tc.err)
			hint := new(interface{ Hint() string })
			if errors.As(err, hint) != (tc.want != nil) || !errors.Is(err, tc.err) {
				t.Fatalf("got %v", err)
			}
			for _, word := range tc.want {
				if h := (*hint).Hint(); !strings.Contains(h, word) || !strings.Contains(h, m.run.Name) || tc.not != "" && strings.Contains(h, tc.not) {
					t.Errorf("got %q", h)
				}
			}
		})
	}
}

// A run that is given up leaves every manifest where the kubelet looks for it, etcd's
// with the new directory, and no folder behind.
func TestAbandon(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{ModeManifest, ModeSwap} {
		w := newWorld(t, "kubeadm-1.37.yaml", single)
		m := w.machine(t, w.plan(t, mode))
		must(t, m.keep(t.Context()))
		must(t, m.takeOut(t.Context()))
		if mode == ModeManifest {
			must(t, m.edit(t.Context()))
		}
		if err := m.abandon(); !errors.Is(err, journal.ErrOrder) {
			t.Errorf("%s: it was not committed: %v", mode, err)
		}
		must(t, errors.Join(m.run.Intent("a/b"), m.run.Done("a/b"), m.run.Commit()))
		must(t, m.abandon())
		if state := m.run.State(); state.Outcome != journal.Abandoned {
			t.Errorf("%s: %+v", mode, state)
		}
		for _, manifest := range m.part.Manifests {
			text, err := os.ReadFile(filepath.Join(m.part.Folder, manifest.File))
			must(t, err)
			changed := mode == ModeManifest && manifest.Component == controlplane.Etcd
			if (digest(text) != manifest.SHA256) != changed || changed != strings.Contains(string(text), m.part.NewData) {
				t.Errorf("%s: %s: %s", mode, manifest.File, text)
			}
		}
		if _, err := os.Stat(filepath.Dir(m.part.Parked)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the folder for manifests is still there: %v", mode, err)
		}
	}
}

func TestOldData(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{ModeManifest, ModeSwap} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "kubeadm-1.37.yaml", single)
			m := w.machine(t, w.plan(t, mode))
			must(t, errors.Join(m.run.Intent("a/b"), m.run.Done("a/b")))
			if _, err := OldDataOf(m.run); !errors.Is(err, ErrNotCommitted) {
				t.Errorf("not committed: %v", err)
			}
			if mode == ModeSwap {
				must(t, m.stage(t.Context()))
				must(t, m.swap(t.Context()))
			}
			must(t, m.run.Commit())
			before := tree(t, w.dir)
			old, err := OldDataOf(m.run)
			must(t, err)
			path, err := old.Snapshot(t.Context(), nil)
			must(t, err)
			if again, err := old.Snapshot(t.Context(), nil); again != path || err != nil {
				t.Errorf("the second time: %s, %v", again, err)
			}
			if after := tree(t, w.dir); len(after) != len(before) { // it lies beside the runs
				t.Errorf("something has changed: %v", after)
			}
			s, err := evidence.FromSnapshot(path)
			must(t, err)
			if want := w.facts.Data.Source.Proven; s.Proven != want || old.Mode != mode {
				t.Errorf("revision %d, want %d; mode %s", s.Proven, want, old.Mode)
			}
		})
	}
}

// One of three is not all that was acknowledged.
func TestOldDataOfSeveral(t *testing.T) {
	t.Parallel()
	m := newWorld(t, "kubeadm-1.37.yaml", three)
	plan, err := Make(t.Context(), m.facts, m.wish(ModeManifest))
	must(t, err)
	work := m.machine(t, plan)
	must(t, errors.Join(work.run.Intent("a/b"), work.run.Done("a/b"), work.run.Commit()))
	old, err := OldDataOf(work.run)
	must(t, err)
	path, err := old.Snapshot(t.Context(), nil)
	if !errors.Is(err, salvage.ErrNoMajority) || !errors.As(err, new(interface{ Hint() string })) {
		t.Errorf("%s, %v", path, err)
	}
	if _, err := os.Stat(old.file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a snapshot was made: %v", err)
	}
}
