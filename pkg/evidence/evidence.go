// Package evidence reads what one source tells of the highest revision that its
// cluster has reached, and settles from all of it how far a restore has to raise
// the revision.
//
// A source is the database of a stopped member and the log above it, a snapshot,
// or, filled in by whoever asked it, a live member. The database proves a
// revision. Every request in the log that it does not hold yet can have made one
// more, so that counting them bounds what the member has reached, without
// applying any.
//
//	s, err := evidence.FromDataDir(ctx, "/var/lib/etcd", "")
//	base, err := evidence.FromSnapshot("snapshot.db")
//	proof, err := evidence.Auto(base, []revision.Evidence{s.Evidence()}, time.Now())
//
// What is missing counts as unknown, never as absent: see [Auto].
package evidence

import (
	"cmp"
	"math"
	"strconv"

	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Kind is what a source is.
type Kind string

// The kinds of sources.
const (
	Snapshot Kind = "snapshot"       // a file: what a member held when it was taken
	DataDir  Kind = "data directory" // of a stopped member
	Member   Kind = "live member"    // its status
	Number   Kind = "number"         // somebody's word
)

// Why a source sets no upper bound, see [Source].
const (
	OpenCopy    = "a copy"   // its member went on after it was taken
	OpenTorn    = "log torn" // the last write to its log was not finished
	OpenRunning = "running"  // it goes on while this is read
	OpenTold    = "as told"  // there may be more to tell
)

// Source is what one source tells of its cluster. What it does not tell is zero.
type Source struct {
	Kind Kind
	Name string // path or URL

	Proven int64  // revision that has been reached
	Ahead  int64  // requests that its database does not hold yet, one revision each at most
	Open   string // why [Source.Highest] is no upper bound; "" if it is one

	LastKey         int64  // revision of the last record
	Scheduled       int64  // compaction that was asked for
	Finished        int64  // compaction that is done
	ConsistentIndex uint64 // last raft entry applied

	MemberID   uint64
	MemberName string
	ClusterID  uint64
	Members    []schema.Member // those it lists, learners too
	Torn       string          // where the log breaks off

	// The end of the log and the last entry that it says is committed; zero where
	// the log was not read.
	LastTerm, LastIndex, Commit uint64
}

// Highest is the highest revision that the source tells of: its member has
// reached no higher one, unless the source is open.
func (s Source) Highest() int64 {
	if s.Ahead > math.MaxInt64-s.Proven {
		return math.MaxInt64 // which no decision accepts
	}
	return s.Proven + s.Ahead
}

// Compacted is the revision up to which history is gone or about to go.
func (s Source) Compacted() int64 { return max(s.Scheduled, s.Finished) }

// Voters are the members that it lists with a vote, by ID, with their names.
func (s Source) Voters() map[uint64]string {
	list := map[uint64]string{}
	for _, m := range s.Members {
		if !m.IsLearner {
			list[m.ID] = cmp.Or(m.Name, strconv.FormatUint(m.ID, 16))
		}
	}
	return list
}

// Evidence is the source as the decision takes it. A log whose end was never
// finished may have held more, and a snapshot says nothing of what came after
// it: neither is the word of its member, which is still missing.
func (s Source) Evidence() revision.Evidence {
	e := revision.Evidence{Source: s.String(), Revision: s.Highest(), MemberID: s.MemberID, Voters: s.Voters()}
	if s.Open == OpenTorn || s.Open == OpenCopy {
		e.MemberID = 0
	}
	return e
}

// String names the source in a sentence.
func (s Source) String() string {
	switch {
	case s.Kind == Member:
		return "status of " + s.Name
	case s.Kind == Number:
		return s.Name
	case s.Open == OpenTorn:
		return string(s.Kind) + " " + s.Name + ", " + s.Open
	}
	return string(s.Kind) + " " + s.Name
}
