package etcdrestore

import (
	"slices"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// runStatus is a run in a list.
type runStatus struct {
	Name      string     `json:"name"`
	State     string     `json:"state"` // complete, rolled back, unfinished, going back, damaged
	Committed bool       `json:"committed"`
	Begun     *time.Time `json:"begun,omitempty"`
	Changed   *time.Time `json:"changed,omitempty"`
	GoingBack bool       `json:"goingBack,omitempty"`
	Working   bool       `json:"working,omitempty"`   // a process works on it
	Step      string     `json:"step,omitempty"`      // that the last event was about
	StepError string     `json:"stepError,omitempty"` // why that failed, or the last that did
	Missing   []string   `json:"missing,omitempty"`   // members that had not come when it was committed
	Plan      string     `json:"planSHA256,omitempty"`
	Error     string     `json:"error,omitempty"` // why nothing else is known

	*RunPlan
}

// RunPlan is what a run is to do, as far as a list tells.
type RunPlan struct {
	Kind       string         `json:"kind"` // of the plan
	DecisionID string         `json:"decisionID"`
	ClusterID  string         `json:"clusterID"` // of the new cluster, hex
	Member     string         `json:"member"`
	Members    []string       `json:"members"` // of the new cluster, by name
	Revision   int64          `json:"restoredRevision"`
	Snapshot   snapshotStatus `json:"snapshot"`
	Mode       string         `json:"mode"`
	OldData    string         `json:"oldDataDir"` // as the plan names them: a swap exchanges the names
	NewData    string         `json:"newDataDir"`
	OldWAL     string         `json:"oldWALDir,omitempty"`
	NewWAL     string         `json:"newWALDir,omitempty"`
}

type snapshotStatus struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func newRunPlan(text []byte) *RunPlan {
	if plan, err := noderejoin.Decode(text); err == nil {
		p := &plan.Node
		return &RunPlan{
			Kind: plan.Kind, DecisionID: plan.ID, ClusterID: plan.ClusterID, Member: p.Member, Members: []string{},
			Mode: string(p.Mode), OldData: p.OldData, NewData: p.NewData, OldWAL: p.OldWAL, NewWAL: p.NewWAL,
		}
	}
	plan, err := noderestore.Decode(text)
	if err != nil { // of another version of the program
		return nil
	}
	d, p := &plan.Decision, &plan.Node
	members := []string{}
	if cluster, err := d.Cluster(); err == nil { // it was read before, in Decode
		for _, m := range cluster.Members {
			members = append(members, m.Name)
		}
	}
	return &RunPlan{
		Kind: plan.Kind, Members: members, DecisionID: d.ID, ClusterID: d.ClusterID, Member: p.Member, Revision: d.Revision,
		Snapshot: snapshotStatus{d.Snapshot.Path, d.Snapshot.Size, d.Snapshot.SHA256},
		Mode:     string(p.Mode), OldData: p.OldData, NewData: p.NewData, OldWAL: p.OldWAL, NewWAL: p.NewWAL,
	}
}

func newRunStatus(r journal.Summary) runStatus {
	s := runStatus{
		Name: r.Name, State: string(r.State.Outcome), Committed: r.State.Committed,
		Begun: moment(r.State.Begun), Changed: moment(r.State.Changed),
		GoingBack: r.State.GoingBack, Step: lastChanged(r).Name,
		StepError: lastError(r), Error: message(r.Err),
		Missing: r.State.Missing, RunPlan: newRunPlan(r.Plan),
	}
	switch {
	case r.Err != nil:
		s.State = "damaged"
	case s.State != "":
	case r.State.GoingBack:
		s.State = "going back"
	default:
		s.State = "unfinished"
	}
	if len(r.Records) > 0 {
		s.Plan = r.Records[0].Plan
	}
	return s
}

// in is the run in a folder in which a process is at work, or none: if there is one it
// works on the run that is not finished.
func (s runStatus) in(busy bool) runStatus {
	s.Working = busy && !s.finished()
	return s
}

// lastError is why the last step that failed did.
func lastError(r journal.Summary) string {
	for _, rec := range slices.Backward(r.Records) {
		if rec.Event == journal.Failed {
			return rec.Error
		}
	}
	return ""
}

// finished reports whether nothing more will become of the run.
func (s runStatus) finished() bool {
	return s.State == string(journal.Complete) || s.State == string(journal.RolledBack) || s.State == string(journal.Abandoned)
}

// line is the run for a person.
func (s runStatus) line() string {
	text := s.Name + "  " + s.State
	if s.Begun != nil {
		text += ", begun " + s.Begun.Format("2006-01-02 15:04:05")
	}
	if s.Committed && s.State == "unfinished" {
		text += ", committed"
	}
	switch {
	case s.Error != "":
		text += ": " + s.Error
	case s.Step != "" && !s.finished():
		text += ", at step " + s.Step
	}
	return text
}
