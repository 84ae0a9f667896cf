package datadir

import (
	"fmt"
	"path/filepath"
)

// SnapDir is where a data directory keeps its db and raft snapshots.
func SnapDir(dataDir string) string { return filepath.Join(dataDir, "member", "snap") }

// DBPath is the db of a data directory.
func DBPath(dataDir string) string { return filepath.Join(SnapDir(dataDir), "db") }

// WALDir is the log of a data directory, unless the member runs with --wal-dir.
func WALDir(dataDir string) string { return filepath.Join(dataDir, "member", "wal") }

// WALName names a segment of the log: the seq-th, whose first entry is index
// or follows it.
func WALName(seq, index uint64) string { return fmt.Sprintf("%016x-%016x.wal", seq, index) }

// SnapName names the raft snapshot at an entry.
func SnapName(term, index uint64) string { return fmt.Sprintf("%016x-%016x.snap", term, index) }
