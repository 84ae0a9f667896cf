package recovery

import (
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// NodeRun is a run on a node, as node runs and the last line of node follow tell.
type NodeRun struct {
	Name       string     `json:"name"`
	State      string     `json:"state"` // complete, rolled back, abandoned, unfinished, going back, damaged
	Committed  bool       `json:"committed"`
	GoingBack  bool       `json:"goingBack"`
	Working    bool       `json:"working"` // a process works on it
	Begun      *time.Time `json:"begun,omitempty"`
	Changed    *time.Time `json:"changed,omitempty"`
	Step       string     `json:"step,omitempty"`
	StepError  string     `json:"stepError,omitempty"`
	Error      string     `json:"error,omitempty"`
	DecisionID string     `json:"decisionID,omitempty"`
	ClusterID  string     `json:"clusterID,omitempty"`
	Member     string     `json:"member,omitempty"`
	Revision   int64      `json:"restoredRevision,omitempty"`
}

// Finished reports whether nothing more will become of the run.
func (r *NodeRun) Finished() bool {
	switch journal.Outcome(r.State) {
	case journal.Complete, journal.RolledBack, journal.Abandoned:
		return true
	}
	return false
}

// Status is how far a node is, as far as the workstation knows.
type Status struct {
	Node      string    `json:"node"`
	Run       string    `json:"run,omitempty"` // the node's own name for it
	Phase     string    `json:"phase"`         // upload before there is a run
	Step      string    `json:"step"`
	Event     string    `json:"event"` // of the journal: intent, done, failed, undoing, undone, ...
	Since     time.Time `json:"since"` // by the node's clock
	Committed bool      `json:"committed"`
	GoingBack bool      `json:"goingBack"`
	Held      bool      `json:"held"`              // it has staged, and waits for the word
	Gone      bool      `json:"gone"`              // it has got the word, or needed none
	Outcome   string    `json:"outcome,omitempty"` // once it is finished
	Still     bool      `json:"still"`             // it is not finished, and no process works on it
	Error     string    `json:"error,omitempty"`   // why a step failed
	Absent    string    `json:"absent,omitempty"`  // why there is no run there, and none will come
	Lost      string    `json:"lost,omitempty"`    // why nothing is heard of it
	LostSince time.Time `json:"lostSince,omitzero"`

	Stopped time.Time `json:"stopped,omitzero"` // when its control plane was
	Ready   time.Time `json:"ready,omitzero"`   // when its API server was again

	seen int // records of the journal
}

// stepGo is where a node waits for the word.
const stepGo = "stage/go"

// take brings the status up to the next record of the journal.
func (s *Status) take(r journal.Record) {
	if r.Seq <= s.seen {
		return
	}
	s.seen, s.Still = r.Seq, false
	if r.Step != "" {
		s.Phase, s.Step, _ = strings.Cut(r.Step, "/")
		s.Event, s.Since = string(r.Event), r.Time
	}
	switch r.Event {
	case journal.Intent:
		s.Held = r.Step == stepGo
		s.Gone = s.Gone || !strings.HasPrefix(r.Step, "stage/")
		s.Error = ""
	case journal.Done:
		s.Held = false
		s.Gone = s.Gone || r.Step == stepGo
	case journal.Failed:
		s.Held, s.Error = false, r.Error
	case journal.Undoing:
		s.Held, s.GoingBack = false, true
	case journal.Committed:
		s.Committed = true
	case journal.Finished:
		s.Outcome = string(r.Outcome)
	}
	s.clock(r)
}

// clock takes the times between which the node had no control plane.
func (s *Status) clock(r journal.Record) {
	switch {
	case r.Step == "stop/manifests" && r.Event == journal.Intent && s.Stopped.IsZero():
		s.Stopped = r.Time
	case r.Step == "verify/ready" && r.Event == journal.Done, r.Step == "stop/manifests" && r.Event == journal.Undone:
		s.Ready = r.Time
	}
}

// end takes in the last line of what a node told.
func (s *Status) end(r *NodeRun) {
	s.Run, s.Committed, s.GoingBack = r.Name, r.Committed, r.GoingBack
	if r.Error != "" {
		s.Error = r.Error
	}
	if r.Finished() {
		s.Outcome = r.State
		return
	}
	s.Still = !r.Working
}

// Done reports whether nothing more will happen there by itself.
func (s *Status) Done() bool { return s.Outcome != "" || s.Absent != "" }
