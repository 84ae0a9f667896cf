package node

import (
	"context"
	"errors"
	"os"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
)

// defaultData is where kubeadm lets etcd keep its data.
const defaultData = "/var/lib/etcd"

func (l *looker) data(ctx context.Context) (d Data) {
	e := &l.facts.Etcd
	switch {
	case e.Err != nil:
		d.Assumed = true
		d.Dir = l.directory(defaultData)
	case e.StorageErr != nil:
		d.Err = e.StorageErr
		return d
	default:
		d.Dir = l.directory(e.Storage.Data.HostPath())
		if e.Storage.WAL != nil {
			wal := l.directory(e.Storage.WAL.HostPath())
			d.WAL = &wal
		}
	}
	if d.Dir.Err != nil {
		d.Err = d.Dir.Err
		return d
	}
	d.read(ctx)
	return d
}

// read reads the database. A running etcd, which holds it, must not notice; if none
// does, it is read together with the log.
func (d *Data) read(ctx context.Context) {
	if info, err := os.Stat(datadir.DBPath(d.Dir.Local)); err == nil {
		d.DBSize = info.Size()
	}
	wal := d.walDir()
	d.Source, d.SourceErr = evidence.FromDataDir(ctx, d.Dir.Local, wal)
	d.Running = errors.Is(d.SourceErr, datadir.ErrInUse)
	switch {
	case d.Running:
		d.Source, d.SourceErr = evidence.FromRunning(ctx, d.Dir.Local, wal)
	case d.SourceErr != nil: // the log may be what is broken, or missing
		d.Source, _ = evidence.FromRunning(ctx, d.Dir.Local, wal)
	}
	d.Source.Name = d.Dir.Path
}

// walDir is the log if it is elsewhere.
func (d *Data) walDir() string {
	if d.WAL == nil {
		return ""
	}
	return d.WAL.Local
}
