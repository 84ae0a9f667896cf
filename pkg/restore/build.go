package restore

import (
	"context"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

// build makes everything below the parts: one database, its copies, and the log
// and raft snapshot of every member.
func (r *run) build(ctx context.Context) error {
	dbs, err := r.createDBs()
	defer func() {
		for _, f := range dbs {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	if err := r.fill(ctx, dbs); err != nil {
		return err
	}
	snap, err := datadir.EncodeSnap(r.Cluster)
	if err != nil {
		return err
	}
	var g errgroup.Group
	for i, m := range r.members {
		g.Go(func() error {
			if err := dbs[i].Sync(); err != nil {
				return err
			}
			return r.writeRaft(m, snap)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, m := range r.members {
		if m.mode != 0 {
			if err := m.fs.Chmod(m.top, m.mode); err != nil {
				return err
			}
		}
	}
	for _, part := range r.parts {
		if err := part.fs.SyncTree(part.path); err != nil {
			return err
		}
	}
	return nil
}

// createDBs creates the directories and the empty db of every member.
func (r *run) createDBs() (dbs []*durable.File, err error) {
	for _, m := range r.members {
		for _, dir := range m.dirs {
			if err := m.fs.Mkdir(dir); err != nil {
				return dbs, err
			}
		}
		f, err := m.fs.Create(m.db())
		if err != nil {
			return dbs, err
		}
		dbs = append(dbs, f)
	}
	return dbs, nil
}

// writeRaft writes the log and the raft snapshot of one member.
func (r *run) writeRaft(m build, snap []byte) error {
	wal, err := datadir.EncodeWAL(r.Cluster, m.id)
	if err != nil {
		return err
	}
	if err := m.fs.WriteFile(filepath.Join(m.walDir, datadir.WALName(0, 0)), wal); err != nil {
		return err
	}
	name := datadir.SnapName(datadir.InitialTerm, datadir.InitialIndex(r.Cluster))
	return m.fs.WriteFile(filepath.Join(m.snapDir, name), snap)
}
