// Package recovery restores the etcd of a whole control plane, from one workstation.
//
// A Plan is one decision and the part that each node has in it. Restore carries it out:
//
//	stage    snapshot and plan onto all nodes, and on each a process is left behind that
//	         makes the new data directory and then waits: nothing has been stopped yet
//	go       the word to all nodes. Until it is given anything that fails takes all back
//	follow   the nodes do the rest by themselves, and meet where they must; from here on
//	         the workstation only watches, and may go away
//
// All that a later workstation needs is in the journals on the nodes: Find reads what
// became of a run from there, Resume and Rollback go on with it from anywhere.
package recovery

import "errors"

var (
	// ErrPlan is returned for a file that is no plan of a control plane.
	ErrPlan = errors.New("not a plan for a control plane")
	// ErrNodes is returned when nodes, members and what is to be restored do not fit
	// together.
	ErrNodes = errors.New("the nodes do not fit together")
	// ErrNothingStopped is returned when a restore was given up before anything had
	// been stopped.
	ErrNothingStopped = errors.New("the restore was given up, and nothing was stopped")
	// ErrLeft is returned when the nodes go on by themselves, and nobody watches.
	ErrLeft = errors.New("the nodes go on by themselves")
	// ErrHook is returned when a command of somebody's own has failed.
	ErrHook = errors.New("hook failed")
)
