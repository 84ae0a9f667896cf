package workflow_test

import (
	"context"
	"errors"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// Others share the commit point: before anything is undone they must have lost it. If
// they have reached it the run is committed, and goes on.
func TestMayUndo(t *testing.T) {
	t.Parallel()
	silent := errors.New("no answer")
	for name, tc := range map[string]struct {
		says      error
		want      error
		stands    string
		committed bool
		outcome   journal.Outcome
	}{
		"yes":                 {nil, workflow.ErrRolledBack, "", false, journal.RolledBack},
		"nobody knows":        {silent, workflow.ErrStuck, "api build", false, ""},
		"others have reached": {workflow.ErrCommitted, workflow.ErrStuck, "api build", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, dir := newWorld(), begin(t)
			w.broken["do etcd"] = errors.New("no luck")
			asked := 0
			phases := func() []workflow.Phase {
				p := w.phases()
				p[1].Steps[1].MayUndo = func(context.Context) error { asked++; return tc.says }
				p[2].Steps[1].MayUndo = func(context.Context) error { t.Error("a step was asked that never began"); return nil }
				return p
			}
			_, err := process(t, dir, nowhere, func(run *journal.Run) error {
				return workflow.Run(context.Background(), run, phases(), workflow.Options{})
			})
			state := outcome(t, dir)
			if !errors.Is(err, tc.want) || tc.says != nil && !errors.Is(err, tc.says) || asked != 1 {
				t.Errorf("asked %d times: %v", asked, err)
			}
			if w.standing() != tc.stands || state.Committed != tc.committed || state.GoingBack != (tc.says == nil) || state.Outcome != tc.outcome {
				t.Errorf("%q stands, %+v", w.standing(), state)
			}
			if tc.says == nil {
				return
			}
			w.broken = map[string]error{}
			if _, err := process(t, dir, nowhere, forward(w, workflow.Options{})); err != nil || w.standing() != all {
				t.Errorf("it does not go on: %v, %q stands", err, w.standing())
			}
		})
	}
}

// A way back that was begun does not turn round.
func TestMayUndoOnTheWayBack(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), begin(t)
	w.broken["do etcd"], w.broken["undo etcd"] = errors.New("no luck"), errors.New("no luck")
	says := error(nil)
	phases := w.phases()
	phases[1].Steps[1].MayUndo = func(context.Context) error { return says }
	if _, err := process(t, dir, nowhere, func(run *journal.Run) error {
		return workflow.Run(context.Background(), run, phases, workflow.Options{})
	}); !errors.Is(err, workflow.ErrStuck) {
		t.Fatalf("got %v", err)
	}
	says = workflow.ErrCommitted
	_, err := process(t, dir, nowhere, func(run *journal.Run) error { return workflow.Rollback(context.Background(), run, phases, nil) })
	if state := outcome(t, dir); !errors.Is(err, workflow.ErrStuck) || state.Committed {
		t.Errorf("%v, %+v", err, state)
	}
}
