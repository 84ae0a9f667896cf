package etcdrestore

import (
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// runReport is the form of node runs RUN -o json.
type runReport struct {
	TypeMeta
	runStatus
	Steps  []stepReport  `json:"steps"`  // in the order in which they first began
	Events []eventReport `json:"events"` // all that happened, in order
	Kept   []keptReport  `json:"kept"`   // files as they were before the run

	Decision *noderestore.Decision `json:"decision,omitempty"` // of a restore
}

// stepReport is how far a step has come.
type stepReport struct {
	Name  string     `json:"name"`
	Event string     `json:"event"` // intent, done, failed, undoing, undone
	Begun *time.Time `json:"begun,omitempty"`
	Ended *time.Time `json:"ended,omitempty"`
	Error string     `json:"error,omitempty"`
}

type eventReport struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	Step  string    `json:"step,omitempty"`
	Error string    `json:"error,omitempty"`
}

type keptReport struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

func newRunReport(r journal.Summary, busy bool) runReport {
	report := runReport{
		TypeMeta: TypeMeta{apiVersion, "NodeRun"}, runStatus: newRunStatus(r).in(busy),
		Steps: []stepReport{}, Events: []eventReport{}, Kept: []keptReport{},
	}
	if plan, err := noderestore.Decode(r.Plan); err == nil {
		report.Decision = &plan.Decision
	}
	at := map[string]int{}
	for _, rec := range r.Records {
		report.Events = append(report.Events, eventReport{rec.Time.UTC(), string(rec.Event), rec.Step, rec.Error})
		if rec.Step == "" {
			continue
		}
		i, known := at[rec.Step]
		if !known {
			i = len(report.Steps)
			at[rec.Step] = i
			report.Steps = append(report.Steps, stepReport{Name: rec.Step})
		}
		report.Steps[i].take(rec)
	}
	for _, f := range r.State.Kept {
		report.Kept = append(report.Kept, keptReport{f.Path, f.SHA256})
	}
	return report
}

// take brings a step up to its next event. What was begun again took as long as it
// took the last time.
func (s *stepReport) take(r journal.Record) {
	s.Event, s.Error = string(r.Event), r.Error
	t := r.Time.UTC()
	switch r.Event {
	case journal.Intent, journal.Undoing:
		s.Begun, s.Ended = &t, nil
	default:
		s.Ended = &t
	}
}

func (r runReport) words() string {
	var p page
	p.line("%s", r.line())
	p.fact("plan", "%s", r.Plan)
	for _, f := range r.Kept {
		p.fact("kept", "%s", f.Path)
	}
	p.raw("")
	p.raw(fmt.Sprintf("%-8s  %-8s  %-9s  %s", "BEGUN", "TOOK", "STATE", "STEP"))
	for _, s := range r.Steps {
		took := ""
		if s.Begun != nil && s.Ended != nil {
			took = s.Ended.Sub(*s.Begun).Round(time.Millisecond).String()
		}
		begun := ""
		if s.Begun != nil {
			begun = s.Begun.Format("15:04:05")
		}
		p.raw(fmt.Sprintf("%-8s  %-8s  %-9s  %s", begun, took, inWords(s.Event), cut(s.Name, 49)))
		for _, line := range strings.Split(s.Error, "\n") {
			if line = output.Clean(line); line != "" {
				p.fold("          ", "          ", line)
			}
		}
	}
	return p.String()
}

// inWords is an event for a person.
func inWords(event string) string {
	if event == string(journal.Intent) {
		return "begun"
	}
	return event
}
