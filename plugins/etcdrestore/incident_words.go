package etcdrestore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// words is the report as Markdown.
func (r incident) words() string {
	var m markdown
	m.line("# Restore of etcd: %s", r.Run)
	m.line("")
	m.line("Written %s. All times are UTC, by the clock of each node.", stamp(r.Time))
	r.summary(&m)
	r.decision(&m)
	r.durations(&m)
	r.timeline(&m)
	r.checks(&m)
	return m.String()
}

func (r incident) summary(m *markdown) {
	m.section("Summary")
	m.table("Node", "Outcome", "Begun", "Ended", "Control plane down", "Run")
	for _, n := range r.Nodes {
		stopped, ready := n.down()
		down := ""
		if !stopped.IsZero() && !ready.IsZero() {
			down = fmt.Sprintf("%s (%s to %s)", round(ready.Sub(stopped)), clock(stopped), clock(ready))
		} else if !stopped.IsZero() {
			down = "since " + clock(stopped)
		}
		m.row(n.Node, n.State, moments(n.Begun), moments(n.Changed), down, n.Name)
	}
	if stopped, ready := r.down(); !ready.IsZero() {
		m.line("")
		m.line("No API server of these nodes served from %s to %s: **%s**.", clock(stopped), clock(ready), round(ready.Sub(stopped)))
	}
	for _, text := range r.Silent {
		m.line("")
		m.line("Nothing is known from %s", escape(text))
	}
}

// down is from when the last API server was stopped until the first was ready again.
func (r incident) down() (stopped, ready time.Time) {
	for _, n := range r.Nodes {
		s, e := n.down()
		if s.After(stopped) {
			stopped = s
		}
		if !e.IsZero() && (ready.IsZero() || e.Before(ready)) {
			ready = e
		}
	}
	if !ready.After(stopped) {
		return time.Time{}, time.Time{}
	}
	return stopped, ready
}

// down is when the control plane of the node was stopped, and ready again.
func (n incidentNode) down() (stopped, ready time.Time) {
	for _, e := range n.Events {
		switch {
		case e.Step == "stop/manifests" && e.Event == string(journal.Intent) && stopped.IsZero():
			stopped = e.Time
		case e.Step == "verify/ready" && e.Event == string(journal.Done), e.Step == "stop/manifests" && e.Event == string(journal.Undone):
			ready = e.Time
		}
	}
	return stopped, ready
}

func (r incident) decision(m *markdown) {
	d := r.Decision
	if d == nil {
		return
	}
	m.section("Decision")
	m.table("Fact", "Value")
	m.row("snapshot", fmt.Sprintf("%s, %s, file of %s", d.Snapshot.Path, output.Size(d.Snapshot.Size), stamp(d.Snapshot.Taken)))
	m.row("SHA-256 of its database", d.Snapshot.SHA256)
	m.row("members", members(d.InitialCluster))
	m.row("cluster", d.ClusterID)
	for _, f := range d.Proof.Facts() {
		m.row(f.Name, f.Value)
	}
	m.row("lost", lost(d))
	var old []string
	for _, v := range d.Old {
		old = append(old, v.Name+" ("+v.ID+")")
	}
	m.row("voters before", strings.Join(old, ", "))
	if len(d.Destroyed) > 0 {
		m.row("vouched to be destroyed", strings.Join(d.Destroyed, ", "))
	}
}

// durations are those of the phases, on each node.
func (r incident) durations(m *markdown) {
	var phases []string
	took := make([]map[string]time.Duration, len(r.Nodes))
	for i, n := range r.Nodes {
		took[i] = map[string]time.Duration{}
		for _, s := range n.Steps {
			phase, _, _ := strings.Cut(s.Name, "/")
			if !slices.Contains(phases, phase) {
				phases = append(phases, phase)
			}
			if s.Begun != nil && s.Ended != nil {
				took[i][phase] += s.Ended.Sub(*s.Begun)
			}
		}
	}
	m.section("Phases")
	header := []string{"Phase"}
	for _, n := range r.Nodes {
		header = append(header, n.Node)
	}
	m.table(header...)
	for _, phase := range phases {
		row := []string{phase}
		for i := range r.Nodes {
			row = append(row, round(took[i][phase]).String())
		}
		m.row(row...)
	}
}

// timeline is what happened on all nodes, in order of time.
func (r incident) timeline(m *markdown) {
	type moment struct {
		node string
		eventReport
	}
	var all []moment
	for _, n := range r.Nodes {
		for _, e := range n.Events {
			all = append(all, moment{n.Node, e})
		}
	}
	slices.SortStableFunc(all, func(a, b moment) int { return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.node, b.node)) })
	m.section("Timeline")
	m.table("Time", "Node", "Step", "Event")
	for _, e := range all {
		if e.Event == string(journal.Kept) {
			continue
		}
		text := inWords(e.Event)
		if e.Error != "" {
			text += ": " + e.Error
		}
		m.row(e.Time.Format("15:04:05.000"), e.node, e.Step, text)
	}
}

func (r incident) checks(m *markdown) {
	if r.Checks == nil {
		return
	}
	m.section("Checks, when this was written")
	m.table("Check", "State", "Evidence")
	for _, c := range r.Checks.Results {
		m.row(c.Check, string(c.State), c.Evidence)
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func clock(t time.Time) string { return t.UTC().Format("15:04:05") }

func moments(t *time.Time) string {
	if t == nil {
		return ""
	}
	return stamp(*t)
}

// markdown is a text in the making.
type markdown struct{ b strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(&m.b, format+"\n", args...) }

func (m *markdown) section(title string) { m.line("\n## %s\n", title) }

func (m *markdown) table(columns ...string) {
	m.row(columns...)
	m.b.WriteString(strings.Repeat("| --- ", len(columns)) + "|\n")
}

func (m *markdown) row(cells ...string) {
	for _, c := range cells {
		m.b.WriteString("| " + escape(c) + " ")
	}
	m.b.WriteString("|\n")
}

// escape keeps a text in its cell, and what it holds a text.
func escape(s string) string {
	s = output.Clean(strings.Join(strings.Fields(s), " "))
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`).Replace(s)
}

func (m *markdown) String() string { return m.b.String() }
