package datadir

import (
	"fmt"
	"slices"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// summary builds an Info record by record.
type summary struct {
	info      Info
	db        uint64            // entries up to here are not needed
	owned     bool              // metadata was seen
	begun     bool              // an entry was
	snapshots []*walpb.Snapshot // valid or not
	received  *walpb.Snapshot   // from the leader, not yet known to be valid
}

func (s *summary) add(rec Record) error {
	switch {
	case rec.Metadata != nil:
		s.owned = true
		s.info.MemberID, s.info.ClusterID = rec.Metadata.MemberID, rec.Metadata.ClusterID
	case rec.State != nil:
		s.info.Term, s.info.Vote, s.info.Commit = rec.State.GetTerm(), rec.State.GetVote(), rec.State.GetCommit()
		s.replace()
	case rec.Snapshot != nil:
		s.snapshots = append(s.snapshots, rec.Snapshot)
		if s.isReceived(rec.Snapshot) {
			s.received = rec.Snapshot
		}
	case rec.Entry != nil && rec.Entry.GetIndex() == 0:
		return fmt.Errorf("%w: %s: an entry with index 0", ErrCorrupt, rec.Pos)
	case rec.Entry != nil && s.cutShort():
		s.beyond(rec.Entry)
	case rec.Entry != nil:
		return s.entry(rec.Pos, rec.Entry)
	}
	return nil
}

func (s *summary) entry(pos Position, e *raftpb.Entry) error {
	row, index := &s.info.entries, e.GetIndex()
	switch {
	case !s.begun, index < row.first:
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
	if before := index - 1; row.has(before) {
		// No leader adds to a log that a later one has added to.
		if term, _ := row.at(before); term > e.GetTerm() {
			return fmt.Errorf("%w: %s: entry %d of term %d follows one of term %d", ErrCorrupt, pos, index, e.GetTerm(), term)
		}
	}
	row.add(e)
	if e.GetType() != raftpb.EntryNormal {
		s.info.ConfChanges = append(s.info.ConfChanges, e)
	}
	return nil
}

// isReceived tells a snapshot that the leader has sent from one that the member
// has taken itself, of an entry that it has or has purged.
func (s *summary) isReceived(snap *walpb.Snapshot) bool {
	row, index := &s.info.entries, snap.GetIndex()
	if !s.begun || index < row.first {
		return false
	}
	if !row.has(index) {
		return true
	}
	term, _ := row.at(index)
	return term != snap.GetTerm()
}

// replace lets a received snapshot take the place of all entries, once the state
// that follows it has made it valid. Those with a higher index were never agreed
// on, and Raft forgets them (raftLog.restore), though etcd would read them again.
func (s *summary) replace() {
	if s.received == nil || s.received.GetIndex() > s.info.Commit {
		return
	}
	if s.isReceived(s.received) { // and has not been replicated after all, after a crash
		s.restart(s.received.GetIndex() + 1)
	}
	s.received = nil
}

// damaged notes that the log cannot be read at pos.
func (s *summary) damaged(pos Position, err error) {
	if !s.cutShort() {
		s.info.Damage = &Damage{At: pos, Err: err, CutShort: true}
	}
}

func (s *summary) cutShort() bool { return s.info.Damage != nil && s.info.Damage.CutShort }

// beyond takes an entry from behind damage. Whatever had its index before, or a
// higher one, is void. If it continues the db, then so is what the damage hides,
// or the db holds it: the log is read on from here. Otherwise entries are missing.
func (s *summary) beyond(e *raftpb.Entry) {
	if e.GetIndex()-1 <= s.db {
		s.info.Damage.CutShort = false
		s.restart(e.GetIndex())
		_ = s.entry(Position{}, e) // it is the first
		return
	}
	s.cut(e.GetIndex())
	s.info.Damage.Beyond = max(s.info.Damage.Beyond, e.GetIndex())
}

func (s *summary) restart(first uint64) {
	s.begun = true
	s.info.entries.restart(first)
	s.info.ConfChanges = nil
}

func (s *summary) cut(index uint64) {
	if index < s.info.entries.first {
		s.restart(index)
		return
	}
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
		if info.Damage != nil {
			return nil, info.Damage.Err
		}
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
		s.restart(info.SnapshotIndex + 1)
	}
	info.FirstIndex, info.LastIndex = info.entries.first, info.entries.next()-1
	if info.entries.has(info.LastIndex) {
		info.LastTerm, _ = info.entries.at(info.LastIndex)
	} else {
		info.LastTerm = newest.GetTerm()
	}
	return info, nil
}
