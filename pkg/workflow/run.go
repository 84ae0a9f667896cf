package workflow

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// Options say how to go through a run.
type Options struct {
	NoRollback bool     // leave a failed run where it stands
	Progress   Progress // may be nil
}

type runner struct {
	*journal.Run
	steps    []named
	progress Progress
}

func newRunner(run *journal.Run, phases []Phase, p Progress) (*runner, error) {
	steps, err := list(phases)
	if err != nil {
		return nil, err
	}
	if p == nil {
		p = silent{}
	}
	r := &runner{run, steps, p}
	for _, s := range run.State().Steps {
		if _, known := r.find(s.Name); !known {
			return nil, fmt.Errorf("%w: the run has a step %s that is not known here", ErrPhases, s.Name)
		}
	}
	return r, nil
}

func (r *runner) find(id string) (named, bool) {
	for _, s := range r.steps {
		if s.id == id {
			return s, true
		}
	}
	return named{}, false
}

// Run does what is left of a run. When a step fails before the commit point, or
// the context ends, it rolls back and returns ErrRolledBack with the cause;
// ErrStuck means that neither way is open.
func Run(ctx context.Context, run *journal.Run, phases []Phase, o Options) error {
	r, err := newRunner(run, phases, o.Progress)
	if err != nil {
		return err
	}
	if run.State().GoingBack {
		return fmt.Errorf("%w: the run is on its way back", ErrStuck)
	}
	for _, s := range r.steps {
		if err := r.forward(ctx, s); err != nil {
			return r.fail(ctx, s, err, o)
		}
	}
	return r.Finish(journal.Complete)
}

// fail decides what becomes of a run whose step s has failed.
func (r *runner) fail(ctx context.Context, s named, err error, o Options) error {
	err = fmt.Errorf("step %s: %w", s.id, err)
	if o.NoRollback || r.State().Committed {
		return fmt.Errorf("%w: %w", ErrStuck, err)
	}
	if back := r.back(context.WithoutCancel(ctx)); back != nil {
		if !errors.Is(back, ErrStuck) {
			back = fmt.Errorf("%w: %w", ErrStuck, back)
		}
		return errors.Join(back, err)
	}
	return fmt.Errorf("%w: %w", ErrRolledBack, err)
}

// forward does a step unless it has been done.
func (r *runner) forward(ctx context.Context, s named) error {
	state := r.State()
	before, begun := state.Step(s.id)
	if before.Event == journal.Done {
		return r.commit(s)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if begun && s.Done != nil { // in doubt
		if done, err := s.Done(ctx); err != nil {
			return err
		} else if done && before.Event == journal.Intent {
			return errors.Join(r.Done(s.id), r.commit(s))
		}
	}
	if err := r.Intent(s.id); err != nil {
		return err
	}
	r.progress.Begin(s.phase, s.Name, false)
	err := s.do(ctx)
	r.progress.End(s.phase, s.Name, false, err)
	if err != nil {
		return errors.Join(err, r.Failed(s.id, err))
	}
	if err := r.Done(s.id); err != nil {
		return err
	}
	return r.commit(s)
}

func (s named) do(ctx context.Context) error {
	if err := s.Do(ctx); err != nil || s.Done == nil {
		return err
	}
	done, err := s.Done(ctx)
	if err == nil && !done {
		err = errNotDone
	}
	return err
}

// commit writes down that s was the commit point.
func (r *runner) commit(s named) error {
	if !s.Commit || r.State().Committed {
		return nil
	}
	return r.Commit()
}
