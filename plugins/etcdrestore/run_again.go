package etcdrestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

// resume goes on with the run of the plan, if there is one, so that whoever starts the
// program again, a service manager say, gets what became of the plan: no second run.
func (o *RunOptions) resume(ctx context.Context) (begun bool, err error) {
	isPlan, err := o.isPlan()
	if err != nil {
		return false, err
	}
	if !isPlan || o.Source == stdin {
		return false, exitcode.Usage(errors.New("--or-resume needs a plan in a file"))
	}
	plan, err := o.read()
	if err != nil {
		return false, err
	}
	runs, err := journal.List(o.StateDir)
	if err != nil {
		return false, err
	}
	found, err := noderestore.Find(runs, plan.Decision.ID)
	switch {
	case errors.Is(err, journal.ErrNoRun):
		return false, nil
	case found.Err != nil:
		return true, fmt.Errorf("run %s: %w", found.Name, found.Err)
	case found.State.Outcome == "":
		err = o.Work.withRun([]string{found.Name}, func(run *journal.Run, work noderestore.Options) error {
			work.NoRollback = o.NoRollback
			if err := noderestore.Resume(ctx, run, work); err != nil {
				return err
			}
			return outcome(run.Name, run.State())
		})
		return true, err
	}
	return true, outcome(found.Name, found.State)
}

// outcome is how a finished run ended, as the error that it was then.
func outcome(name string, s journal.State) error {
	switch s.Outcome {
	case journal.RolledBack:
		return fmt.Errorf("%w: run %s", workflow.ErrRolledBack, name)
	case journal.Abandoned:
		return fmt.Errorf("%w: run %s was given up", workflow.ErrStuck, name)
	}
	return nil
}
