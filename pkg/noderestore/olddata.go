package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
)

// ErrNotCommitted is returned for a run whose old data nothing has come in front of.
var ErrNotCommitted = errors.New("the run is not committed")

// Abandon ends a run that is committed and cannot be finished, so that another may
// begin: all manifests are where the kubelet looks for them then.
func Abandon(run *journal.Run, o Options) error {
	m, err := prepare(run, o)
	if err != nil {
		return err
	}
	defer m.close()
	return m.abandon()
}

func (m *machine) abandon() error {
	if err := m.new.PutIn(m.part.pod(controlplane.Etcd)); err != nil {
		return err
	}
	for _, p := range m.part.clients() {
		if err := m.old.PutIn(p); err != nil {
			return err
		}
	}
	if err := m.removeManifest(); err != nil {
		return err
	}
	return m.run.Finish(journal.Abandoned)
}

// OldData is what a finished run left aside: the data directory before it.
type OldData struct {
	Mode     Mode
	dir, wal string
	file     string // where its snapshot goes
}

// OldDataOf finds the old data of a run that is committed. One that is not can be
// rolled back for good.
func OldDataOf(run *journal.Run) (OldData, error) {
	plan, err := Decode(run.Plan())
	if err != nil {
		return OldData{}, err
	}
	if state := run.State(); !state.Committed {
		return OldData{}, hint.New(fmt.Errorf("%w: run %s", ErrNotCommitted, run.Name), "the old data serve, or will: kubectl etcd-restore node rollback %s", run.Name)
	}
	old := OldData{
		Mode: plan.Node.Mode, dir: plan.Node.OldData, wal: plan.Node.OldWAL,
		file: filepath.Join(filepath.Dir(run.Dir()), "old-data-"+run.Name+".db"),
	}
	if old.Mode == ModeSwap {
		old.dir, old.wal = plan.Node.NewData, plan.Node.NewWAL
	}
	return old, nil
}

// Dirs are the data directory, and that of its log if it is elsewhere.
func (o OldData) Dirs() (data, wal string) { return o.dir, o.wal }

// Snapshot makes a snapshot of the old data, with all that their log holds, beside the
// runs, and returns its path. One that stands from an earlier try is taken.
func (o OldData) Snapshot(ctx context.Context, p salvage.Progress) (string, error) {
	if _, err := os.Stat(o.file); err == nil {
		return o.file, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	_, err := salvage.Run(ctx, salvage.Config{
		Sources: []salvage.Source{{Dir: o.dir, WALDir: o.wal}}, Output: o.file, Progress: p,
	})
	if errors.Is(err, salvage.ErrNoMajority) {
		return "", hint.New(err, "collect the old data directories of all members, and restore what they hold together: etcdctl-snapshot-x salvage DIR... -o FILE; kubectl etcd-restore node plan FILE")
	}
	return o.file, err
}
