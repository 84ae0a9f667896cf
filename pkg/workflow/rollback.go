package workflow

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// Rollback undoes what the journal of a run tells of, the last step first. It
// refuses with ErrCommitted behind the commit point, and stops with ErrStuck where
// a step cannot be undone: called again it goes on there.
func Rollback(ctx context.Context, run *journal.Run, phases []Phase, p Progress) error {
	r, err := newRunner(run, phases, p)
	if err != nil {
		return err
	}
	return r.back(ctx)
}

func (r *runner) back(ctx context.Context) error {
	if err := r.checkCommit(ctx); err != nil {
		return err
	}
	if err := r.mayUndo(ctx); err != nil {
		return err
	}
	state := r.State()
	for _, step := range state.ToUndo() {
		s, _ := r.find(step.Name)
		if err := r.undo(ctx, s); err != nil {
			return fmt.Errorf("%w: undo step %s: %w", ErrStuck, s.id, err)
		}
	}
	return r.Finish(journal.RolledBack)
}

// checkCommit makes sure that the commit point was not reached, which a killed
// process, or one that got no answer, may not have written down.
func (r *runner) checkCommit(ctx context.Context) error {
	state := r.State()
	if state.Committed {
		return ErrCommitted
	}
	for _, s := range r.steps {
		step, begun := state.Step(s.id)
		if !s.Commit || !begun || step.Event == journal.Undone || step.Event == journal.Undoing {
			continue
		}
		done, err := s.Done(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("%w: nobody knows whether step %s was done: %w", ErrStuck, s.id, err)
		case done || step.Event == journal.Done:
			return errors.Join(ErrCommitted, r.Commit())
		}
	}
	return nil
}

// mayUndo asks all steps that were begun.
func (r *runner) mayUndo(ctx context.Context) error {
	state := r.State()
	for _, step := range state.ToUndo() {
		s, _ := r.find(step.Name)
		if s.MayUndo == nil {
			continue
		}
		err := s.MayUndo(ctx)
		switch {
		case err == nil:
		case errors.Is(err, ErrCommitted) && !state.GoingBack:
			return errors.Join(err, r.Commit())
		default:
			return fmt.Errorf("%w: step %s may not be undone: %w", ErrStuck, s.id, err)
		}
	}
	return nil
}

func (r *runner) undo(ctx context.Context, s named) error {
	if err := r.Undoing(s.id); err != nil {
		return err
	}
	r.progress.Begin(s.phase, s.Name, true)
	var err error
	if s.Undo != nil {
		err = s.Undo(ctx)
	}
	r.progress.End(s.phase, s.Name, true, err)
	if err != nil {
		return errors.Join(err, r.Failed(s.id, err))
	}
	return r.Undone(s.id)
}
