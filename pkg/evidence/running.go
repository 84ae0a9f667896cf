package evidence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// FromRunning reads what the database in dir tells while an etcd may be running on
// it, which does not notice, and from the head of the log who the member is. It
// does not count what the database lacks: it is as good as a copy, and the word of
// the member is still missing.
//
// If only the log cannot be read, the source comes with the error.
func FromRunning(ctx context.Context, dir, walDir string) (Source, error) {
	var s Source
	err := snapshot.Peek(ctx, datadir.DBPath(dir), func(f *snapshot.File) (err error) {
		s, err = read(f)
		return err
	})
	if err != nil {
		return Source{}, err
	}
	s.Kind, s.Name, s.Open = DataDir, dir, OpenCopy
	if walDir == "" {
		walDir = datadir.WALDir(dir)
	}
	owner, err := ownerOf(walDir)
	if err != nil {
		return s, fmt.Errorf("data directory %s: %w", dir, err)
	}
	s.MemberID, s.ClusterID = owner.MemberID, owner.ClusterID
	s.MemberName = nameOf(s.Members, s.MemberID)
	return s, nil
}

// ownerOf reads whose log it is from the first segment, which every segment
// repeats. etcd removes old segments: then it is another one that is the first.
func ownerOf(walDir string) (owner datadir.Metadata, err error) {
	for range 3 {
		if owner, err = readOwner(walDir); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return owner, err
}

func readOwner(walDir string) (datadir.Metadata, error) {
	r, err := datadir.NewReader(walDir)
	if err != nil {
		return datadir.Metadata{}, err
	}
	defer r.Close()
	for {
		record, err := r.Next()
		if err != nil {
			return datadir.Metadata{}, fmt.Errorf("no member is named in %s: %w", walDir, err)
		}
		if record.Metadata != nil {
			return *record.Metadata, nil
		}
	}
}
