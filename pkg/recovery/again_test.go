package recovery_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// list are the ways to all nodes, as whoever does not know the members has them.
func (w *world) list() (all []transport.Node) {
	for _, n := range w.nodes {
		all = append(all, n)
	}
	return all
}

// begin restores until a node comes to a step: then the workstation is gone, as if it was
// killed.
func (w *world) begin(t *testing.T, plan *recovery.Plan, node, step string) {
	t.Helper()
	w.node(node).kill = step
	gone := make(chan struct{})
	go func() {
		p := &progress{}
		p.on = func(s recovery.Status) {
			if s.Node == node && s.Still {
				close(gone)
				runtime.Goexit()
			}
		}
		_, _ = recovery.Restore(context.Background(), plan, w.ways(), testOptions(p))
	}()
	<-gone
}

// TestResume: another workstation goes on, wherever the first one and a node have stopped.
func TestResume(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		step     string
		do       func(context.Context, *recovery.Found, recovery.Nodes, recovery.Options) (*recovery.Result, error)
		want     error
		outcomes string
	}{
		"resume, killed while staging":     {"stage/data", recovery.Resume, recovery.ErrNothingStopped, allBack},
		"resume, killed while stopping":    {"stop/manifests", recovery.Resume, nil, allComplete},
		"resume, killed at the commit":     {"start/commit", recovery.Resume, nil, allComplete},
		"resume, killed while verifying":   {"verify/ready", recovery.Resume, nil, allComplete},
		"rollback, killed while staging":   {"stage/data", recovery.Rollback, nil, allBack},
		"rollback, killed while stopping":  {"stop/manifests", recovery.Rollback, nil, allBack},
		"rollback, killed while verifying": {"verify/ready", recovery.Rollback, workflow.ErrCommitted, "complete, open, complete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := testPlan(t)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("cp1", "cp2", "cp3")
				w.begin(t, plan, "cp2", tc.step)
				found, ways, err := recovery.Find(t.Context(), w.list(), "")
				if err != nil {
					t.Fatal(err)
				}
				if found.Run != testID || strings.Join(found.Names(), " ") != "cp1 cp2 cp3" {
					t.Errorf("found %+v", found)
				}
				_, err = tc.do(t.Context(), found, ways, testOptions(&progress{}))
				if !errors.Is(err, tc.want) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
				if err != nil && hint(err) == "" {
					t.Error("no next step")
				}
				w.settle(t)
				if got := w.outcomes(); got != tc.outcomes {
					t.Errorf("nodes are %s, want %s", got, tc.outcomes)
				}
			})
		})
	}
}

// TestFind: what is finished everywhere is not gone on with by itself; a node that cannot
// be asked might know better.
func TestFind(t *testing.T) {
	t.Parallel()
	plan := testPlan(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("cp1", "cp2", "cp3")
		if _, _, err := recovery.Find(t.Context(), w.list(), ""); !errors.Is(err, journal.ErrNoRun) {
			t.Errorf("before any run: %v", err)
		}
		if _, err := recovery.Restore(t.Context(), plan, w.ways(), testOptions(&progress{})); err != nil {
			t.Fatal(err)
		}
		if _, _, err := recovery.Find(t.Context(), w.list(), ""); !errors.Is(err, journal.ErrNoRun) {
			t.Errorf("after one that is finished: %v", err)
		}
		found, _, err := recovery.Find(t.Context(), w.list(), testID)
		if err != nil || !found.Finished() {
			t.Errorf("by its ID: %+v, %v", found, err)
		}
		w.node("cp3").Cut()
		if _, _, err := recovery.Find(t.Context(), w.list(), testID); !errors.Is(err, transport.ErrConnection) {
			t.Errorf("with a node out of reach: %v", err)
		}
	})
}
