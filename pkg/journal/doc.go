// Package journal keeps on disk what a run is to do, what it has done and what it
// is doing, so that another process can go on or go back after a crash.
//
//	/var/lib/etcd-restore/            the folder; its lock is held while a process works in it
//	  20261126T120000Z-4f2a9c/        a run, there once it is complete
//	    plan.json                     what is to be done; never changes
//	    journal.jsonl                 what happened, a line an event
//	    kept/etcd.yaml                files as they were before
//	    go, abort                     what was said to it meanwhile
//
// A line is on disk before the work that it announces begins, and before the work
// after the one that it reports. A crash can therefore leave three things only: a
// step that was announced and may or may not have been done, which the step itself
// must find out; a last line that is torn, which counts as never written; and a
// run that was not born yet, which the next process removes.
//
// The first line has the digest of the plan. A plan and a journal hold facts,
// never commands (invariant I10); the folder is for its owner alone.
package journal

import "errors"

var (
	// ErrLocked is returned while another process works in the folder.
	ErrLocked = errors.New("another process is at work")
	// ErrUnfinished is returned when a run is to begin before the last has ended.
	ErrUnfinished = errors.New("a run is not finished")
	// ErrNoRun is returned when there is no run of a name, or none to go on with.
	ErrNoRun = errors.New("no such run")
	// ErrCorrupt is returned for a run whose files are not as they were written.
	ErrCorrupt = errors.New("run is damaged")
	// ErrFolder is returned for a folder that others may write to.
	ErrFolder = errors.New("folder is not safe")
	// ErrOrder is returned for an event that cannot follow those before it. It is
	// a mistake of the caller.
	ErrOrder = errors.New("event out of order")
)
