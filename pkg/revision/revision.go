// Package revision decides by how much to raise the revision of a restored
// cluster, and proves that it is enough.
//
// A restore takes a cluster back in time, but its clients do not come along:
// they remember revisions that the old cluster served after the snapshot was
// taken. If the new cluster serves one of them again, with other content, a
// client that watches or caches at that revision is wrong forever and never
// finds out. So the new cluster must start above every revision that the old
// one can have served. What is known about those is evidence: the status of a
// live member, the db and the log of a dead one, an earlier restore.
package revision

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// Margin is how far above the evidence [Auto] starts the new cluster:
	// more than any cluster writes between the moment the evidence was
	// gathered and the moment its last member stopped.
	Margin = 1_000_000_000

	// Max is the highest revision at which a cluster may be started. Above
	// it, 2^62 writes remain before revisions turn negative: a hundred
	// thousand years at a million writes a second.
	Max = 1 << 62

	// floorPerSecond is how many revisions the floor rises each second. No
	// etcd writes a million times a second, so a cluster that counted from 1
	// at the beginning of 1970 would still be below the floor; and a cluster
	// restored at the floor stays below the floor of a later restore.
	floorPerSecond = 1_000_000

	// floorEnd is above every floor: clients that keep a revision in a
	// double-precision number know it exactly up to here.
	floorEnd = 1 << 53
)

var (
	// ErrOverflow is returned when a revision is negative or would leave the
	// new cluster without headroom; see [Max].
	ErrOverflow = errors.New("revision out of range")

	// ErrNotCleared is returned when the new cluster could serve a revision
	// that the old one has served already.
	ErrNotCleared = errors.New("revision does not clear the evidence")
)

// Evidence is a revision that the old cluster is known to have reached.
type Evidence struct {
	Source   string // where it was found, for a person: "status of https://10.0.0.1:2379"
	Revision int64
	MemberID uint64 // zero if it is not known whose it is

	Voters map[uint64]string // members with a vote that it tells of, by ID, with their names
}

// Proof is a decision and what it rests on.
type Proof struct {
	Snapshot    int64    `json:"snapshotRevision"`
	Highest     int64    `json:"highestRevision"` // of the snapshot and all evidence
	HighestFrom string   `json:"highestFrom"`     // source of Highest
	Bump        uint64   `json:"bump"`            // to add to Snapshot
	First       int64    `json:"firstRevision"`   // where the new cluster starts: every write gets a higher revision
	Floor       bool     `json:"floor"`           // First rests on the clock, since evidence is missing
	Missing     []string `json:"missing,omitempty"`
}

// Auto chooses a bump that clears all evidence by [Margin]. The voters in
// missing have left no evidence; with any of them, what the old cluster
// reached is unknown, and First is at least the floor: a million for each
// second from 1970 to now.
func Auto(snapshotRev int64, seen []Evidence, missing []string, now time.Time) (Proof, error) {
	p, err := weigh(snapshotRev, seen)
	if err != nil {
		return Proof{}, err
	}
	p.Missing = missing
	if p.Highest > Max-Margin {
		return Proof{}, fmt.Errorf("%w: %s is at revision %d, and nothing above %d leaves headroom",
			ErrOverflow, p.HighestFrom, p.Highest, int64(Max))
	}
	p.First = p.Highest + Margin
	if len(missing) > 0 {
		floor, err := floorAt(now)
		if err != nil {
			return Proof{}, err
		}
		if floor > p.First {
			p.First, p.Floor = floor, true
		}
	}
	p.Bump = uint64(p.First - p.Snapshot)
	return p, nil
}

// Fixed takes the bump that somebody chose, zero included, and refuses it
// unless it ends above all evidence.
func Fixed(snapshotRev int64, bump uint64, seen []Evidence) (Proof, error) {
	p, err := weigh(snapshotRev, seen)
	if err != nil {
		return Proof{}, err
	}
	if p.Snapshot > Max || bump > uint64(Max-p.Snapshot) {
		return Proof{}, fmt.Errorf("%w: snapshot revision %d and bump %d add up to more than %d",
			ErrOverflow, p.Snapshot, bump, int64(Max))
	}
	p.Bump = bump
	p.First = p.Snapshot + int64(bump)
	if slices.ContainsFunc(seen, func(e Evidence) bool { return e.Revision >= p.First }) {
		return Proof{}, fmt.Errorf("%w: a bump of %d ends at revision %d, but %s has reached %d; the smallest sufficient bump is %d",
			ErrNotCleared, bump, p.First, p.HighestFrom, p.Highest, uint64(p.Highest-p.Snapshot)+1)
	}
	return p, nil
}

// fromSnapshot names the source of the snapshot's own revision.
const fromSnapshot = "the snapshot"

// weigh finds the highest revision and who reached it. A member that stands
// where the snapshot was taken is named in its stead.
func weigh(snapshotRev int64, seen []Evidence) (Proof, error) {
	p := Proof{Snapshot: snapshotRev, Highest: snapshotRev, HighestFrom: fromSnapshot}
	if snapshotRev < 0 {
		return Proof{}, fmt.Errorf("%w: the snapshot is at revision %d", ErrOverflow, snapshotRev)
	}
	for _, e := range seen {
		if e.Revision < 0 {
			return Proof{}, fmt.Errorf("%w: %s is at revision %d", ErrOverflow, e.Source, e.Revision)
		}
		if e.Revision > p.Highest || e.Revision == p.Highest && p.HighestFrom == fromSnapshot {
			p.Highest, p.HighestFrom = e.Revision, e.Source
		}
	}
	return p, nil
}

// firstRelease is before any moment at which this can run. A clock that shows
// an earlier one, as a host's does whose battery died, cannot carry the floor.
func firstRelease() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

// floorAt is the revision that no cluster can have reached by writing alone.
func floorAt(now time.Time) (int64, error) {
	seconds := now.Unix()
	if now.Before(firstRelease()) || seconds >= floorEnd/floorPerSecond {
		return 0, fmt.Errorf("%w: evidence is missing and the clock, which has to stand in for it, shows %s",
			ErrNotCleared, now.UTC().Format(time.RFC3339))
	}
	return seconds * floorPerSecond, nil
}
