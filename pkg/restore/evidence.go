package restore

import (
	"context"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// SeenInDataDir reads from the data directory of a stopped member how far its
// cluster can have come: the revision of its db, and one more for every request
// in its log that the db does not hold yet. That is an upper bound, found
// without applying anything. Nothing in the directory is changed.
//
// A log whose end was never finished may have held more. Then the evidence is
// not that of its member, whose word is still missing.
func SeenInDataDir(ctx context.Context, dir, walDir string) (revision.Evidence, error) {
	d, err := datadir.Open(dir, datadir.Options{WALDir: walDir})
	if err != nil {
		return revision.Evidence{}, err
	}
	defer d.Close()
	log, err := datadir.ReadInfo(ctx, d.WALDir)
	if err != nil {
		return revision.Evidence{}, err
	}
	at, applied, err := reached(d.DB)
	if err != nil {
		return revision.Evidence{}, err
	}
	db, err := d.DBFor(applied, log.SnapshotIndex)
	if err != nil {
		return revision.Evidence{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if db != d.DB {
		if at, applied, err = reached(db); err != nil {
			return revision.Evidence{}, err
		}
	}
	ahead, err := log.NormalEntriesAbove(applied)
	if err != nil {
		return revision.Evidence{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	e := revision.Evidence{Source: "data directory " + dir, Revision: at + ahead, MemberID: log.MemberID}
	if log.Torn {
		e.Source += ", log torn"
		e.MemberID = 0
	}
	return e, nil
}

// reached returns the revision of a db and the last log entry it holds.
func reached(path string) (at int64, applied uint64, err error) {
	f, err := snapshot.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	view, err := f.Keyspace()
	if err != nil {
		return 0, 0, err
	}
	facts, err := f.Facts()
	if err != nil {
		return 0, 0, err
	}
	return view.Revision(), facts.ConsistentIndex, nil
}
