// Package workflow takes a run through its phases, step by step, forward to the end
// or back to the beginning, from wherever an earlier process stopped.
//
// A step says what to do and how to undo it, and can tell from the world alone
// whether it has been done: a process can be killed between the deed and the line
// in the journal. Both Do and Undo may therefore find the work done, in part or not
// at all, and must cope.
//
// What the journal reports as done is not asked again: a later step may well have
// ended what an earlier one did. What is in doubt is asked first, and after every
// Do it is asked whether that was enough.
//
// One step may be the commit point (invariant I7): before it a failure takes
// everything back, behind it there is only the way forward. Whether it was reached
// is the one thing that the way back asks the world first; it does not begin
// without an answer.
package workflow

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrRolledBack is returned when a step failed and everything is as it was.
	ErrRolledBack = errors.New("rolled back")
	// ErrStuck is returned when a run stands in the middle, and needs a person.
	ErrStuck = errors.New("stopped half-way")
	// ErrCommitted is returned for a way back from behind the commit point.
	ErrCommitted = errors.New("the run is committed")
	// ErrPhases is returned for phases that are not those of the run.
	ErrPhases = errors.New("steps do not fit the run")

	errNotDone = errors.New("it was done, and the outcome is not there")
)

// Phase is a number of steps under one name, as kubeadm's are.
type Phase struct {
	Name  string
	Steps []Step
}

// Step is the smallest piece of work that the journal knows.
type Step struct {
	Name   string
	Commit bool // there is no way back once it has been done

	Done func(context.Context) (bool, error) // asks the world; nil if it is enough that Do succeeds
	Do   func(context.Context) error
	Undo func(context.Context) error // nil if there is nothing to undo

	// MayUndo is asked before anything is undone, if the step was begun; nil is yes.
	// An error leaves the run where it stands, ErrCommitted commits it: others have.
	MayUndo func(context.Context) error
}

// Progress is told what begins and how it ended.
type Progress interface {
	Begin(phase, step string, undo bool)
	End(phase, step string, undo bool, err error)
}

type silent struct{}

func (silent) Begin(string, string, bool)      {}
func (silent) End(string, string, bool, error) {}

// named is a step with the name that the journal knows it by.
type named struct {
	Step
	phase string
	id    string
}

// list puts the steps of all phases into one row.
func list(phases []Phase) ([]named, error) {
	var steps []named
	seen := map[string]bool{}
	commits := 0
	for _, p := range phases {
		for _, s := range p.Steps {
			id := p.Name + "/" + s.Name
			switch {
			case seen[id]:
				return nil, fmt.Errorf("%w: there are two steps %s", ErrPhases, id)
			case s.Do == nil:
				return nil, fmt.Errorf("%w: step %s does nothing", ErrPhases, id)
			case s.Commit && s.Done == nil:
				return nil, fmt.Errorf("%w: step %s commits and cannot tell whether it has", ErrPhases, id)
			}
			seen[id] = true
			if s.Commit {
				commits++
			}
			steps = append(steps, named{s, p.Name, id})
		}
	}
	if commits > 1 {
		return nil, fmt.Errorf("%w: there are %d commit points", ErrPhases, commits)
	}
	return steps, nil
}
