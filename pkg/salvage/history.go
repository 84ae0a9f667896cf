package salvage

import (
	"fmt"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// compare compares two logs wherever both tell of an entry and reports whether that
// is anywhere. Two logs of one history have the same entry at an index if its term
// is the same, and in any case up to the entry that is committed. There they must
// not differ.
func compare(a, b *member, committed uint64) (overlap bool, err error) {
	from := max(a.log.FirstIndex, b.log.FirstIndex)
	to := min(a.log.LastIndex, b.log.LastIndex)
	for i := from; i <= to; i++ {
		termA, sumA, _ := a.log.Entry(i)
		termB, sumB, _ := b.log.Entry(i)
		if termA == termB && sumA == sumB {
			continue
		}
		if termA == termB || i <= committed {
			return true, conflict("%s and %s have different entries at index %d (terms %d and %d)", a.Dir, b.Dir, i, termA, termB)
		}
	}
	shared, err := compareSnapshots(a, b, committed)
	return from <= to || shared, err
}

// compareSnapshots compares the terms of the entries that raft snapshots stand for.
// A member that has just got a database from its leader may have no others.
func compareSnapshots(a, b *member, committed uint64) (overlap bool, err error) {
	for _, snap := range slices.Concat(a.log.Snapshots, b.log.Snapshots) {
		i := snap.GetIndex()
		termA, inA := a.log.TermOf(i)
		termB, inB := b.log.TermOf(i)
		if inA && inB && termA != termB && i <= committed {
			return true, conflict("%s and %s have entry %d in different terms, %d and %d", a.Dir, b.Dir, i, termA, termB)
		}
		overlap = overlap || inA && inB
	}
	return overlap, nil
}

// compareDBs compares how far two databases have come. An entry makes one revision
// at most, so the one that holds more entries is not behind the other, and ahead by
// no more than those. A directory that was restored and never started has the log
// of any cluster with its token and members.
func compareDBs(a, b *member) error {
	if a.dbErr != nil || b.dbErr != nil || a.applied() == 0 || b.applied() == 0 {
		return nil // one of them says nothing
	}
	if a.applied() > b.applied() {
		a, b = b, a
	}
	ahead, entries := b.revision-a.revision, b.applied()-a.applied()
	if ahead < 0 || uint64(ahead) > entries {
		return conflict("the database of %s is at revision %d with entry %d, that of %s at revision %d with entry %d",
			a.Dir, a.revision, a.applied(), b.Dir, b.revision, b.applied())
	}
	return nil
}

// compareAll refuses members that are not of one cluster, or not all different,
// or whose logs contradict each other.
func compareAll(members []*member) error {
	for i, a := range members {
		for _, b := range members[:i] {
			switch {
			case a.log.ClusterID != b.log.ClusterID:
				return conflict("%s is of cluster %x, %s of cluster %x", b.Dir, b.log.ClusterID, a.Dir, a.log.ClusterID)
			case a.log.MemberID == b.log.MemberID:
				return hint.New(fmt.Errorf("%w: %s and %s are both of member %x", ErrConfig, b.Dir, a.Dir, a.log.MemberID),
					"give each member once, as it was when it stopped")
			}
			if _, err := compare(a, b, min(a.commit(), b.commit())); err != nil {
				return err
			}
			if err := compareDBs(b, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// follow checks that the winner has all that the others know to be committed.
// A log that cannot be compared with the winner's loses its vote: it may be of
// an earlier or later cluster with the same IDs.
func follow(winner *member, others []*member) error {
	for _, m := range others {
		if m == winner {
			continue
		}
		overlap, err := compare(winner, m, m.commit())
		if err != nil {
			return err
		}
		_, end := winner.last()
		switch {
		case m.noVote != "":
		case m.commit() > end:
			return conflict("%s knows entry %d to be committed, but the log of %s, which is of a later term, ends at %d", m.Dir, m.commit(), winner.Dir, end)
		case !overlap:
			m.noVote = fmt.Sprintf("its log (entries %d to %d) cannot be compared with the winner's: they do not overlap", m.log.FirstIndex, m.log.LastIndex)
		}
	}
	return nil
}

func conflict(format string, args ...any) error {
	return hint.New(fmt.Errorf("%w: %w", ErrConflict, fmt.Errorf(format, args...)),
		"find out which of them are of the cluster to bring back, and give those alone: an earlier restore with the same token has the same IDs")
}
