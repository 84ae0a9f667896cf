package etcdrestore

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// clusterPlanReport is a plan as it is printed. As JSON it is the plan itself, so that
// run takes it.
type clusterPlanReport struct {
	plan *recovery.Plan
	now  time.Time
	loss *objectLoss
	next string // "": there is none, or who reads it is asked
}

// MarshalJSON is that of the plan.
func (r clusterPlanReport) MarshalJSON() ([]byte, error) { return json.Marshal(r.plan) }

func (r clusterPlanReport) words() string {
	var p page
	plan, d := r.plan, &r.plan.Decision
	p.section("Restore of %s on %s", d.Snapshot.Path, andList(plan.Names()))
	p.fact("run", "%s", plan.ID())
	p.fact("snapshot", "%s, file of %s (%s ago), db sha256 %.12s", output.Size(d.Snapshot.Size), d.Snapshot.Taken.Format(time.DateTime)+"Z", ago(r.now.Sub(d.Snapshot.Taken)), d.Snapshot.SHA256)
	p.fact("cluster", "%s, a new one, for etcd %s", d.ClusterID, d.TargetVersion)
	p.fact("left out", "%s", strings.Join(plan.Excluded, ", "))
	p.fact("destroyed", "%s", prefixed("somebody vouches for ", strings.Join(d.Destroyed, ", ")))
	p.section("Revision")
	for _, f := range d.Proof.Facts() {
		p.fact(short(f.Name), "%s", f.Value)
	}
	p.fact("lost", "%s", r.lost())
	r.loss.print(&p)
	p.section("On the nodes")
	r.each(&p, func(name string) string { return onNode(plan.Nodes[name]) })
	p.section("It takes")
	e := plan.Estimates
	p.fact("downtime", "about %.0f s without any API server", e.DowntimeSeconds)
	p.fact("upload", "%s to all nodes, compressed on the way", output.Size(e.UploadBytes))
	p.fact("space", "%s on each node; free: %s", output.Size(e.SpaceBytes), r.free())
	r.checked(&p)
	if len(plan.Notes) > 0 {
		p.section("Notes")
	}
	for _, note := range plan.Notes {
		text, command, _ := strings.Cut(note, "\n")
		p.fold("  - ", "    ", text)
		if command != "" {
			p.command("  " + command)
		}
	}
	if r.next != "" {
		p.section("next:")
		p.command(r.next)
	}
	return p.String()
}

// each has a line for each node, or one for all if all say the same.
func (r clusterPlanReport) each(p *page, of func(name string) string) {
	names := r.plan.Names()
	same := !slices.ContainsFunc(names, func(name string) bool { return of(name) != of(names[0]) })
	if same && len(names) > 1 {
		p.fact("each", "%s", of(names[0]))
		return
	}
	for _, name := range names {
		p.fact(name, "%s", of(name))
	}
}

// stakes are what a person weighs before the word to go, when the beginning of the plan
// has scrolled away.
func (r clusterPlanReport) stakes() string {
	var p page
	p.line("It loses %s. It takes about %.0f s without any API server.", r.lost(), r.plan.Estimates.DowntimeSeconds)
	return p.String()
}

// lost is the distance to the newest that is known, in revisions and in time.
func (r clusterPlanReport) lost() string {
	text := lost(&r.plan.Decision)
	l := r.plan.Loss
	if n := l.NewestRevision - l.SnapshotRevision; n > 0 && n < revision.Margin && l.WindowSeconds > 0 {
		text += fmt.Sprintf(": what was written in the %s between the file and %s", ago(time.Duration(l.WindowSeconds)*time.Second), l.NewestTime.UTC().Format(time.DateTime)+"Z")
	}
	return text
}

// onNode is what a node has to do.
func onNode(p noderestore.Part) string {
	switch {
	case p.Member == "":
		return "not asked"
	case p.Mode == noderestore.ModeSwap:
		return fmt.Sprintf("%s and the new %s change names", p.OldData, p.NewData)
	}
	text := fmt.Sprintf("%s stays; new %s", p.OldData, p.NewData)
	if p.NewWAL != "" {
		text += fmt.Sprintf(", log %s", p.NewWAL)
	}
	return text
}

func (r clusterPlanReport) free() string {
	var words []string
	for _, name := range r.plan.Names() {
		words = append(words, name+" "+output.Size(r.plan.Estimates.FreeBytes[name]))
	}
	return strings.Join(words, ", ")
}

// checked says what the checks came to on each node, with those that are not simply well.
// What several nodes say is said once.
func (r clusterPlanReport) checked(p *page) {
	type said struct{ severity, text string }
	var order []said
	by := map[said][]string{}
	p.section("Checks")
	r.each(p, func(name string) string { return tally(r.plan.Checks[name]) })
	for _, name := range r.plan.Names() {
		report := r.plan.Checks[name]
		if report == nil {
			continue
		}
		for _, c := range report.Results {
			if c.Severity == preflight.Warning || c.Severity == preflight.Error {
				s := said{string(c.Severity), c.Check + ": " + c.What}
				if !slices.Contains(order, s) {
					order = append(order, s)
				}
				by[s] = append(by[s], name)
			}
		}
	}
	for _, s := range order {
		p.fact(s.severity, "%s: %s", strings.Join(by[s], ", "), s.text)
	}
}

// tally counts what checks came to: who reads that not all are well must not have to guess
// what the others are.
func tally(r *preflight.Report) string {
	if r == nil {
		return "not run"
	}
	n := map[preflight.Severity]int{}
	for _, c := range r.Results {
		n[c.Severity]++
	}
	text := fmt.Sprintf("%d of %d are well", n[preflight.OK], len(r.Results))
	if s := n[preflight.Skipped]; s > 0 {
		text += fmt.Sprintf(", %d skipped", s)
	}
	return text
}

// andList is a list for a sentence.
func andList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
