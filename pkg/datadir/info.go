package datadir

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	Damage        *Damage           // the log cannot be read there; nil if all of it can

	entries row
}

// Damage is a place in the middle of a log where it cannot be read. Of the log
// behind it only whole segments can.
type Damage struct {
	At  Position
	Err error

	// CutShort is set if the entries that stand end here although the log goes
	// on. It is not if the db holds all that is missing.
	CutShort bool
	Beyond   uint64 // the highest index that was read behind it, 0 if none
}

// Entry returns the term of a standing entry and a checksum of its content, or
// false if there is no entry at index.
func (i *Info) Entry(index uint64) (term uint64, sum uint32, ok bool) {
	if !i.entries.has(index) {
		return 0, 0, false
	}
	term, sum = i.entries.at(index)
	return term, sum, true
}

// TermOf returns the term of a standing entry or of one that a snapshot stands for,
// or false if the log does not tell.
func (i *Info) TermOf(index uint64) (term uint64, ok bool) {
	if term, _, ok := i.Entry(index); ok {
		return term, true
	}
	for _, snap := range i.Snapshots {
		if snap.GetIndex() == index && index > 0 {
			return snap.GetTerm(), true
		}
	}
	return 0, false
}

// Stands reports whether e is among the entries that stand. One that was
// overwritten later is not.
func (i *Info) Stands(e *raftpb.Entry) bool {
	term, sum, ok := i.Entry(e.GetIndex())
	return ok && term == e.GetTerm() && sum == contentSum(e)
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

// ReadInfo reads the log in walDir to its end. It needs four bytes of memory
// for each entry, besides those of a Reader. Damage is ErrCorrupt.
func ReadInfo(ctx context.Context, walDir string) (*Info, error) {
	info, err := Survey(ctx, walDir, 0)
	if err != nil {
		return nil, err
	}
	if info.Damage != nil {
		return nil, info.Damage.Err
	}
	return info, nil
}

// Survey is like ReadInfo but reads on behind damage, with the next segment. db
// is the consistent index of the db that the log belongs to: what is missing
// below it is not needed.
func Survey(ctx context.Context, walDir string, db uint64) (*Info, error) {
	r, err := NewReader(walDir)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	s := &summary{db: db}
	err = s.read(ctx, r)
	for errors.Is(err, ErrCorrupt) {
		s.damaged(r.pos, err)
		if !r.Resume() {
			err = nil
			break
		}
		err = s.read(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	s.info.TornAt, s.info.Torn = r.Torn()
	info, err := s.finish()
	if err != nil {
		return nil, fmt.Errorf("read log %s: %w", walDir, err)
	}
	return info, nil
}

// read adds records until the log ends.
func (s *summary) read(ctx context.Context, r *Reader) error {
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read log %s: %w", r.dir, err)
		}
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.add(rec); err != nil {
			return fmt.Errorf("read log %s: %w", r.dir, err)
		}
	}
}
