package noderestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

var (
	// ErrHeld is returned when nobody has said in time that the run may go on.
	ErrHeld = errors.New("nobody has told this node to go on")
	// ErrToldBack is returned when somebody has told the run to go back.
	ErrToldBack = errors.New("told to give the restore up")
)

// listening is how often a run looks for a word.
const listening = 100 * time.Millisecond

// stepGo is the step in which a run waits for the word to go on.
const stepGo = "go"

// awaitGo waits until somebody says that all nodes have staged. Nothing has been
// stopped yet. The time counts from when the wait began for the first time, whatever
// became of the process meanwhile.
func (m *machine) awaitGo(ctx context.Context) error {
	hold := time.Duration(m.plan.HoldSeconds) * time.Second
	end := m.firstBegun("stage/" + stepGo).Add(hold)
	for {
		told, err := m.run.Told(journal.Go)
		if err != nil || told {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return hint.New(fmt.Errorf("%w within %s", ErrHeld, hold), "see how the other nodes stand, and begin anew")
		}
		wait(ctx, listening)
	}
}

// firstBegun is when a step was begun for the first time.
func (m *machine) firstBegun(step string) time.Time {
	for _, r := range m.run.Records() {
		if r.Step == step && r.Event == journal.Intent {
			return r.Time
		}
	}
	return time.Now()
}

// heeding lets the steps of a phase end as soon as the run is told to go back. Behind
// the commit point there is nobody to listen.
func (m *machine) heeding(phase workflow.Phase) workflow.Phase {
	for i := range phase.Steps {
		do := phase.Steps[i].Do
		phase.Steps[i].Do = func(ctx context.Context) error { return m.heed(ctx, do) }
		if phase.Steps[i].Commit {
			break
		}
	}
	return phase
}

func (m *machine) heed(ctx context.Context, do func(context.Context) error) error {
	if m.run.State().Committed {
		return do(ctx)
	}
	heeding, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if m.toldBack() {
		return ErrToldBack
	}
	go func() {
		for heeding.Err() == nil {
			if m.toldBack() {
				stop(ErrToldBack)
			}
			wait(heeding, listening)
		}
	}()
	err := do(heeding)
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(heeding), ErrToldBack) {
		return ErrToldBack // that it was cancelled is not the cause
	}
	return err
}

// toldBack reports whether somebody has said so. What cannot be looked at says nothing.
func (m *machine) toldBack() bool {
	told, err := m.run.Told(journal.Abort)
	return err == nil && told
}
