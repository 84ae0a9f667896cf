package etcdrestore

import (
	"context"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
)

// saveOldData makes a snapshot from the data that a run has left aside.
func (o *SaveOptions) saveOldData(ctx context.Context) error {
	work := &WorkOptions{NodeOptions: o.NodeOptions}
	folder, run, err := work.open([]string{o.OldDataOf})
	if err != nil {
		return err
	}
	defer folder.Close()
	defer run.Close()
	old, err := noderestore.OldDataOf(run)
	if err != nil {
		return err
	}
	dir, wal := old.Dirs()
	return o.salvageFrom(ctx, salvage.Source{Dir: dir, WALDir: wal}, dir)
}
