package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// Info is what a log says about its member once all of it has been read.
type Info struct {
	MemberID, ClusterID uint64
	Term, Vote, Commit  uint64 // the hard state; etcd may know of more commits than it wrote down

	// The entries that stand, those that were overwritten left out. There
	// are none if FirstIndex is above LastIndex, which is then the index of
	// the snapshot that replaced them.
	FirstIndex, LastIndex, LastTerm uint64

	SnapshotIndex uint64            // the highest of Snapshots
	Snapshots     []*walpb.Snapshot // the valid ones, oldest first
	ConfChanges   []*raftpb.Entry   // those entries that change the membership
	Torn          bool              // the last write was not finished
	TornAt        Position          // where

	entries tally
}

// NormalEntriesAbove returns how many entries above this index can each have
// raised the revision, by one at most: those that carry a request. With the
// consistent index of the db it bounds how far its member was ahead of it.
//
// It is ErrIncomplete if there is a gap between the index and the log.
func (i *Info) NormalEntriesAbove(index uint64) (int64, error) {
	if i.FirstIndex > index && i.FirstIndex-index > 1 {
		return 0, fmt.Errorf("%w: it begins at entry %d, but the db ends at %d", ErrIncomplete, i.FirstIndex, index)
	}
	return i.entries.above(index), nil
}

// ReadInfo reads the log in walDir to its end. It needs a bit of memory for
// each entry, besides that of a Reader.
func ReadInfo(ctx context.Context, walDir string) (*Info, error) {
	r, err := NewReader(walDir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &summary{}
	for {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("read log %s: %w", walDir, err)
		}
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := s.add(rec); err != nil {
			return nil, fmt.Errorf("read log %s: %w", walDir, err)
		}
	}
	s.info.TornAt, s.info.Torn = r.Torn()
	info, err := s.finish()
	if err != nil {
		return nil, fmt.Errorf("read log %s: %w", walDir, err)
	}
	return info, nil
}

// summary builds an Info record by record.
type summary struct {
	info      Info
	owned     bool              // metadata was seen
	snapshots []*walpb.Snapshot // valid or not
}

func (s *summary) add(rec Record) error {
	switch {
	case rec.Metadata != nil:
		s.owned = true
		s.info.MemberID, s.info.ClusterID = rec.Metadata.MemberID, rec.Metadata.ClusterID
	case rec.State != nil:
		s.info.Term, s.info.Vote, s.info.Commit = rec.State.GetTerm(), rec.State.GetVote(), rec.State.GetCommit()
	case rec.Snapshot != nil:
		s.snapshots = append(s.snapshots, rec.Snapshot)
	case rec.Entry != nil:
		return s.entry(rec.Pos, rec.Entry)
	}
	return nil
}

func (s *summary) entry(pos Position, e *raftpb.Entry) error {
	row, index := &s.info.entries, e.GetIndex()
	switch {
	case index == 0:
		return fmt.Errorf("%w: %s: an entry with index 0", ErrCorrupt, pos)
	case row.n == 0 && row.first == 0, index < row.first:
		// The oldest entry that etcd has kept; or all were overwritten.
		s.restart(index)
	case index > row.next():
		// A snapshot from the leader may stand for what is missing.
		if !s.snapshotCovers(index - 1) {
			return fmt.Errorf("%w: %s: entry %d follows entry %d", ErrCorrupt, pos, index, row.next()-1)
		}
		s.restart(index)
	default:
		s.cut(index)
	}
	normal := e.GetType() == raftpb.EntryNormal
	row.add(normal && len(e.Data) > 0) // without data: a new leader's first entry
	if !normal {
		s.info.ConfChanges = append(s.info.ConfChanges, e)
	}
	s.info.LastTerm = e.GetTerm()
	return nil
}

func (s *summary) restart(first uint64) {
	s.info.entries.restart(first)
	s.info.ConfChanges = nil
}

func (s *summary) cut(index uint64) {
	s.info.entries.cut(index)
	changes := s.info.ConfChanges
	for len(changes) > 0 && changes[len(changes)-1].GetIndex() >= index {
		changes = changes[:len(changes)-1]
	}
	s.info.ConfChanges = changes
}

func (s *summary) snapshotCovers(index uint64) bool {
	return slices.ContainsFunc(s.snapshots, func(snap *walpb.Snapshot) bool { return snap.GetIndex() >= index })
}

// finish draws the conclusions that only the end of the log allows.
func (s *summary) finish() (*Info, error) {
	info := &s.info
	if !s.owned {
		return nil, fmt.Errorf("%w: it does not say whose it is", ErrCorrupt)
	}
	var newest *walpb.Snapshot
	for _, snap := range s.snapshots {
		// A crash between the record and the commit voids a snapshot.
		if snap.GetIndex() > info.Commit {
			continue
		}
		info.Snapshots = append(info.Snapshots, snap)
		if newest.GetIndex() <= snap.GetIndex() {
			newest = snap
		}
	}
	info.SnapshotIndex = newest.GetIndex()
	if info.SnapshotIndex >= info.entries.next() {
		info.LastTerm = newest.GetTerm()
		s.restart(info.SnapshotIndex + 1)
	}
	info.FirstIndex, info.LastIndex = info.entries.first, info.entries.next()-1
	return info, nil
}
