// Package exitcode is the one table of exit codes that both command trees
// share, and the way from an error to one of them.
package exitcode

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Code is the exit status of a process.
type Code int

// The codes are part of the interface: scripts depend on them. New ones may be
// added, none changes its meaning.
const (
	OK          Code = 0
	Failed      Code = 1
	BadUsage    Code = 2
	RolledBack  Code = 3
	NeedsPerson Code = 4
	Integrity   Code = 5
	Refused     Code = 6
	Interrupted Code = 130
)

// All returns every code in ascending order.
func All() []Code {
	return []Code{OK, Failed, BadUsage, RolledBack, NeedsPerson, Integrity, Refused, Interrupted}
}

// Meaning says in one line what a code tells the caller.
func (c Code) Meaning() string {
	switch c {
	case OK:
		return "done"
	case Failed:
		return "failed, nothing changed"
	case BadUsage:
		return "wrong usage: unknown flag, missing or contradictory argument"
	case RolledBack:
		return "failed and rolled back"
	case NeedsPerson:
		return "failed, needs a person: the message names the next command"
	case Integrity:
		return "integrity: snapshot, log or database corrupt, or hash mismatch"
	case Refused:
		return "refused for safety: revision, quorum, existing target, space"
	case Interrupted:
		return "interrupted"
	default:
		return "unknown"
	}
}

// Help returns the EXIT STATUS section of a help text for the given codes.
func Help(codes ...Code) string {
	var b strings.Builder
	b.WriteString("EXIT STATUS")
	for _, c := range codes {
		fmt.Fprintf(&b, "\n  %3d  %s", int(c), c.Meaning())
	}
	return b.String()
}

// Rule says which code an error stands for.
type Rule struct {
	Is   error
	Code Code
}

// Table maps the sentinel errors of packages to codes. The first rule that
// matches wins.
type Table []Rule

// Of returns the code for err. An interruption outranks whatever error it
// caused on its way up, and an error that no rule knows is Failed.
func Of(err error, table Table) Code {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.As(err, new(usageError)):
		return BadUsage
	}
	for _, rule := range table {
		if errors.Is(err, rule.Is) {
			return rule.Code
		}
	}
	return Failed
}

// Interrupt words what Ctrl-C has ended for a person, who knows of no context.
func Interrupt(err error) error { return interruption{err} }

type interruption struct{ error }

func (i interruption) Unwrap() error { return i.error }

func (i interruption) Error() string {
	return strings.TrimSuffix("interrupted: "+i.error.Error(), ": "+context.Canceled.Error())
}

// Usage marks err as a mistake in the command line. A nil err stays nil.
func Usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }
