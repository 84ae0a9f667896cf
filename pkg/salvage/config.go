package salvage

import "errors"

var (
	// ErrConflict is returned for directories that do not share one history.
	ErrConflict = errors.New("the directories are not of one history")
	// ErrNoMajority is returned when the directories are too few to prove that
	// every acknowledged write is in them, and nobody has said what to do then.
	ErrNoMajority = errors.New("the directories are no majority of the voters")
	// ErrConfig is returned for settings that contradict each other.
	ErrConfig = errors.New("invalid settings")
	// ErrVersion is returned for data that a later etcd has written.
	ErrVersion = errors.New("written by a later etcd")
	// ErrReplay is returned when etcd's own code cannot apply the log.
	ErrReplay = errors.New("the log cannot be replayed")
)

// Config says what to salvage from and what to keep.
type Config struct {
	Sources []Source
	Output  string // path of the snapshot to write

	Tail         Tail
	AllowPartial bool // take what stands before the damage in a log
	KeepAlarms   bool // leave alarms raised

	Progress Progress
}

// Source is the data directory of a member that is not running.
type Source struct {
	Dir    string
	WALDir string // its --wal-dir; empty: inside Dir
}

// Tail says what becomes of the entries that are not known to be committed.
type Tail string

// What can be done with the tail.
const (
	TailDefault   Tail = ""          // include it if the directories are a majority, refuse otherwise
	TailInclude   Tail = "include"   // nothing that was acknowledged is lost
	TailCommitted Tail = "committed" // what etcd's --force-new-cluster would keep, or more
)

// Progress is told how far long work has come, in bytes. It may be nil.
type Progress interface {
	Start(what string, total int64) // total is -1 if unknown
	Add(n int64)
	Finish()
}

// quiet is the progress of whoever does not want any.
type quiet struct{}

func (quiet) Start(string, int64) {}
func (quiet) Add(int64)           {}
func (quiet) Finish()             {}
