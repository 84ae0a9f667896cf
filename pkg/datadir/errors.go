package datadir

import (
	"errors"
	"fmt"
)

var (
	// ErrNotDataDir is returned when what should be a data directory, or a
	// part of one, is something else or is missing.
	ErrNotDataDir = errors.New("not an etcd data directory")

	// ErrInUse is returned when a running etcd holds the data directory.
	ErrInUse = errors.New("data directory in use by a running etcd")

	// ErrCorrupt is returned when a log cannot be read to its end, and not
	// because its last write was interrupted.
	ErrCorrupt = errors.New("log corrupt")

	// ErrIncomplete is returned when a log is sound but does not reach back
	// to the db that it should continue.
	ErrIncomplete = errors.New("log incomplete")
)

// Position is a place in the log.
type Position struct {
	File   string // name of the segment
	Offset int64  // of the record's frame
}

func (p Position) String() string { return fmt.Sprintf("%s at offset %d", p.File, p.Offset) }
