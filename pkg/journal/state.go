package journal

import (
	"fmt"
	"slices"
	"time"
)

// Outcome is how a run ended.
type Outcome string

// The outcomes.
const (
	Complete   Outcome = "complete"
	RolledBack Outcome = "rolled back"
	Abandoned  Outcome = "abandoned" // behind the commit point, for another run to mend it
)

// State is what the journal of a run comes to.
type State struct {
	Begun     time.Time
	Changed   time.Time
	Steps     []Step  // in the order in which they first began
	Committed bool    // there is no way back
	GoingBack bool    // the way back was begun: there is no way forward
	Outcome   Outcome // "" while the run is not finished
	Kept      []File
	Missing   []string // members that the run went on without
}

// Step is how far a step has come.
type Step struct {
	Name  string
	Event Event  // the last one: Intent, Done, Failed, Undoing or Undone
	Error string // with Failed
}

// Step returns the step of a name.
func (s *State) Step(name string) (Step, bool) {
	i := slices.IndexFunc(s.Steps, func(st Step) bool { return st.Name == name })
	if i < 0 {
		return Step{}, false
	}
	return s.Steps[i], true
}

// InFlight is the step that was begun, forward or back, and of which nothing else
// is known.
func (s *State) InFlight() (Step, bool) {
	for _, st := range s.Steps {
		if st.Event == Intent || st.Event == Undoing {
			return st, true
		}
	}
	return Step{}, false
}

// ToUndo are the steps that may have left something, the last first.
func (s *State) ToUndo() []Step {
	var steps []Step
	for _, st := range slices.Backward(s.Steps) {
		if st.Event != Undone {
			steps = append(steps, st)
		}
	}
	return steps
}

func (s *State) allDone() bool {
	return !slices.ContainsFunc(s.Steps, func(st Step) bool { return st.Event != Done })
}

// apply takes in the next record, and refuses one that makes no sense there.
func (s *State) apply(r Record) error {
	if err := s.check(r); err != nil {
		return fmt.Errorf("%w: %s %s: %w", ErrOrder, r.Event, r.Step, err)
	}
	s.Changed = r.Time
	switch r.Event {
	case Created:
		s.Begun = r.Time
	case Intent, Done, Failed, Undoing, Undone:
		s.GoingBack = s.GoingBack || r.Event == Undoing
		s.set(Step{r.Step, r.Event, r.Error})
	case Kept:
		s.Kept = append(s.Kept, *r.File)
	case Missing:
		if !slices.Contains(s.Missing, r.Member) {
			s.Missing = append(slices.Clone(s.Missing), r.Member)
		}
	case Committed:
		s.Committed = true
	case Finished:
		s.Outcome = r.Outcome
	}
	return nil
}

func (s *State) set(step Step) {
	for i := range s.Steps {
		if s.Steps[i].Name == step.Name {
			s.Steps[i] = step
			return
		}
	}
	s.Steps = append(s.Steps, step)
}

func (s *State) check(r Record) error {
	flying, inFlight := s.InFlight()
	step, begun := s.Step(r.Step)
	switch {
	case (r.Event == Created) != s.Begun.IsZero():
		return fmt.Errorf("the run begins once")
	case s.Outcome != "":
		return fmt.Errorf("the run is finished")
	case r.Event == Undoing && s.Committed:
		return fmt.Errorf("the run is committed")
	case r.Event == Undoing && !begun:
		return fmt.Errorf("the step was never begun")
	case r.Event == Undoing && flying.Event == Undoing && flying.Name != r.Step:
		return fmt.Errorf("step %s is being undone", flying.Name)
	case r.Event == Intent && s.GoingBack, r.Event == Committed && s.GoingBack:
		return fmt.Errorf("the run is on its way back")
	case r.Event == Intent && inFlight && flying.Name != r.Step:
		return fmt.Errorf("step %s is not finished", flying.Name)
	case (r.Event == Done || r.Event == Failed && !s.GoingBack) && step.Event != Intent:
		return fmt.Errorf("the step was not begun")
	case r.Event == Failed && s.GoingBack && step.Event != Undoing, r.Event == Undone && step.Event != Undoing:
		return fmt.Errorf("the step is not being undone")
	case r.Event == Missing && r.Member == "":
		return fmt.Errorf("there is no member")
	case r.Event == Kept && r.File == nil:
		return fmt.Errorf("there is no file")
	case r.Event == Finished && r.Outcome == Complete && !s.allDone():
		return fmt.Errorf("there is something left to do")
	case r.Event == Finished && r.Outcome == RolledBack && len(s.ToUndo()) > 0:
		return fmt.Errorf("there is something left to undo")
	case r.Event == Finished && r.Outcome == Abandoned && !s.Committed:
		return fmt.Errorf("it can be rolled back")
	}
	return s.checkEvent(r)
}

func (s *State) checkEvent(r Record) error {
	switch r.Event {
	case Created, Kept, Missing, Committed:
		return nil
	case Intent, Done, Failed, Undoing, Undone:
		if r.Step == "" {
			return fmt.Errorf("there is no step")
		}
		return nil
	case Finished:
		if r.Outcome != Complete && r.Outcome != RolledBack && r.Outcome != Abandoned {
			return fmt.Errorf("unknown outcome %q", r.Outcome)
		}
		return nil
	default:
		return fmt.Errorf("unknown event")
	}
}
