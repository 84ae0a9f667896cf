// Package detached leaves a verb of this program running on the machine that it runs on,
// whatever becomes of who started it.
//
// Where systemd runs the host it is a transient unit, etcd-restore-NAME: a process of a
// login session would be killed with the session where KillUserProcesses says so.
// Elsewhere, or where systemd cannot start it (SELinux may forbid it a program below
// /var/lib), it is a process of a session of its own. Both are started as
//
//	PROGRAM left FOLDER NAME ARGS...
//
// and that process calls Enter: it locks FOLDER/NAME.lock, for as long as it lives, writes
// its output to FOLDER/NAME.log, and tells whoever has started it that it is there, as a
// unit of Type=notify does.
package detached

import "errors"

// Verb is the first argument of the program that is left behind.
const Verb = "left"

var (
	// ErrRuns is returned by Enter if one of the name is there.
	ErrRuns = errors.New("one of this name runs already")
	// ErrName is returned for a name that would not do.
	ErrName = errors.New("not the name of a job")
	// ErrStart is returned for what ended before it had begun.
	ErrStart = errors.New("it could not be started")
)
