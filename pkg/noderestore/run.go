package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// ErrFinished is returned for a run that is over.
var ErrFinished = errors.New("nothing is left to do")

func finished(run *journal.Run) error {
	return hint.New(fmt.Errorf("%w: run %s is %s", ErrFinished, run.Name, run.State().Outcome), "what it did: kubectl etcd-restore node runs %s", run.Name)
}

// Run does what a plan says, in a new run in folder. If a step fails before the commit
// point everything is taken back, see workflow.Run for how that is told.
func Run(ctx context.Context, folder *journal.Folder, plan *Plan, o Options) (*journal.Run, error) {
	if plan.Node.Empty() {
		return nil, fmt.Errorf("%w: it is a decision only", ErrPlan)
	}
	if err := plan.Node.free(); err != nil {
		return nil, err
	}
	text, err := plan.Encode()
	if err != nil {
		return nil, err
	}
	run, err := folder.Create(text)
	if err != nil {
		return nil, err
	}
	m, err := prepare(run, o)
	if err != nil {
		return run, errors.Join(err, run.Finish(journal.RolledBack)) // nothing was begun
	}
	defer m.close()
	if err := m.credentials(); err != nil {
		return run, errors.Join(err, run.Finish(journal.RolledBack))
	}
	return run, m.forward(ctx)
}

// free wants nothing where the new data go. A run removes what it finds there of the
// plan's cluster, since that is what it has left itself when it was killed. Of a plan
// that was carried out before it would be the data that etcd runs on (I3).
func (p *Part) free() error {
	for _, dir := range []string{p.NewData, p.NewWAL} {
		if dir == "" {
			continue
		}
		switch _, err := os.Lstat(dir); {
		case err == nil:
			return hint.New(fmt.Errorf("%w: %s exists", restore.ErrTarget, dir), "a plan is carried out once: make a new one")
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	return nil
}

// Resume goes on with a run where it stopped, forward or on its way back.
func Resume(ctx context.Context, run *journal.Run, o Options) error {
	if run.State().Outcome != "" {
		return finished(run)
	}
	m, err := prepare(run, o)
	if err != nil {
		return err
	}
	defer m.close()
	if state := run.State(); state.GoingBack {
		return m.explain(workflow.Rollback(ctx, run, m.phases(), o.Progress))
	}
	return m.forward(ctx)
}

func (m *machine) forward(ctx context.Context) error {
	return m.explain(m.through(ctx, m.phases()))
}

// through goes on with the run, and once more if it finds on its way back that the other
// nodes have finished the restore.
func (m *machine) through(ctx context.Context, phases []workflow.Phase) error {
	options := workflow.Options{NoRollback: m.NoRollback, Progress: m.Progress}
	before := m.run.State()
	err := workflow.Run(ctx, m.run, phases, options)
	if after := m.run.State(); errors.Is(err, workflow.ErrCommitted) && after.Committed && !before.Committed && ctx.Err() == nil {
		err = workflow.Run(ctx, m.run, phases, options)
	}
	return err
}

// Rollback takes a run back. Behind its commit point that is refused with
// workflow.ErrCommitted.
func Rollback(ctx context.Context, run *journal.Run, o Options) error {
	switch state := run.State(); {
	case state.Outcome == journal.RolledBack:
		return finished(run)
	case len(state.Steps) == 0 && state.Outcome == "":
		return run.Finish(journal.RolledBack) // nothing was begun, whatever the node looks like
	}
	m, err := prepare(run, o)
	if err != nil {
		return err
	}
	defer m.close()
	return m.explain(workflow.Rollback(ctx, run, m.phases(), o.Progress))
}

// explain adds the next command to an error of the workflow.
func (m *machine) explain(err error) error {
	state := m.run.State()
	switch {
	case errors.Is(err, workflow.ErrCommitted) && !errors.Is(err, workflow.ErrStuck) && state.Outcome == "":
		return hint.New(err, "finish it: kubectl etcd-restore node resume %[1]s; or restore the old data on top of that: kubectl etcd-restore node rollback %[1]s --to-old-data", m.run.Name)
	case errors.Is(err, workflow.ErrCommitted) && !errors.Is(err, workflow.ErrStuck):
		return hint.New(err, "the API server has been served from the new data; to restore the old data on top of that: kubectl etcd-restore node rollback %s --to-old-data", m.run.Name)
	case errors.Is(err, workflow.ErrStuck) && state.GoingBack:
		return hint.New(err, "%s, then: kubectl etcd-restore node rollback %s", remedy(err), m.run.Name)
	case errors.Is(err, workflow.ErrStuck) && state.Committed:
		return hint.New(err, "the new data serve: %[2]s, then: kubectl etcd-restore node resume %[1]s; to the old data there is only the way of another restore: kubectl etcd-restore node rollback %[1]s --to-old-data", m.run.Name, remedy(err))
	case errors.Is(err, ErrUnsettled):
		return hint.New(err, "%[2]s: kubectl etcd-restore node resume %[1]s, or kubectl etcd-restore node rollback %[1]s", m.run.Name, remedy(err))
	case errors.Is(err, workflow.ErrStuck):
		return hint.New(err, "go on: kubectl etcd-restore node resume %[1]s; or back: kubectl etcd-restore node rollback %[1]s", m.run.Name)
	}
	return err
}

// remedy is what the cause of an error asks for.
func remedy(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return "mend the cause"
}
