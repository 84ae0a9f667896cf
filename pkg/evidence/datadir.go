package evidence

import (
	"context"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// FromDataDir reads the data directory of a stopped member: its database, and
// the log above it. walDir is that of a log elsewhere, or "". Nothing in the
// directory is changed.
func FromDataDir(ctx context.Context, dir, walDir string) (Source, error) {
	d, err := datadir.Open(dir, datadir.Options{WALDir: walDir})
	if err != nil {
		return Source{}, err
	}
	defer d.Close()
	log, err := datadir.ReadInfo(ctx, d.WALDir)
	if err != nil {
		return Source{}, err
	}
	s, err := readDB(d.DB)
	if err != nil {
		return Source{}, err
	}
	db, err := d.DBFor(s.ConsistentIndex, log.SnapshotIndex)
	if err != nil {
		return Source{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	if db != d.DB {
		if s, err = readDB(db); err != nil {
			return Source{}, err
		}
	}
	if s.Ahead, err = log.NormalEntriesAbove(s.ConsistentIndex); err != nil {
		return Source{}, fmt.Errorf("data directory %s: %w", dir, err)
	}
	s.Kind, s.Name, s.Open = DataDir, dir, ""
	if log.Torn {
		s.Open, s.Torn = OpenTorn, log.TornAt.String()
	}
	s.MemberID, s.ClusterID = log.MemberID, log.ClusterID
	s.LastTerm, s.LastIndex, s.Commit = log.LastTerm, log.LastIndex, log.Commit
	s.MemberName = nameOf(s.Members, s.MemberID)
	return s, nil
}

func readDB(path string) (Source, error) {
	f, err := snapshot.Open(path)
	if err != nil {
		return Source{}, err
	}
	defer f.Close()
	return read(f)
}

func nameOf(members []schema.Member, id uint64) string {
	for _, m := range members {
		if m.ID == id {
			return m.Name
		}
	}
	return ""
}
