package etcdrestore

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// planReport is a plan as it is printed. As JSON it is the plan, with what the checks
// found in it, so that node run takes it.
type planReport struct {
	plan   *noderestore.Plan
	checks *preflight.Report
	now    time.Time
}

// MarshalJSON is that of the plan.
func (r planReport) MarshalJSON() ([]byte, error) { return json.Marshal(r.plan) }

func (r planReport) words() string {
	var p page
	d, part := &r.plan.Decision, &r.plan.Node
	p.section("Restore of %s", d.Snapshot.Path)
	p.fact("snapshot", "%s, file of %s (%s ago), db sha256 %.12s", output.Size(d.Snapshot.Size), d.Snapshot.Taken.Format(time.DateTime)+"Z", ago(r.now.Sub(d.Snapshot.Taken)), d.Snapshot.SHA256)
	p.fact("members", "%s", members(d.InitialCluster))
	p.fact("cluster", "%s, a new one", d.ClusterID)
	p.section("Revision")
	for _, f := range d.Proof.Facts() {
		p.fact(short(f.Name), "%s", f.Value)
	}
	p.fact("lost", "%s", lost(d))
	p.section("On this node, member %s", part.Member)
	p.fact("old data", "%s stays as it is", part.OldData)
	p.fact("new data", "%s", part.NewData)
	if part.OldWAL != "" {
		p.fact("old log", "%s stays as it is", part.OldWAL)
		p.fact("new log", "%s", part.NewWAL)
	}
	for _, e := range part.Edits {
		p.fact("etcd.yaml", "volume %s: hostPath %s becomes %s", e.Volume, e.From, e.To)
	}
	if part.Mode == noderestore.ModeSwap {
		p.fact("swap", "the two directories change names; the manifests stay as they are")
	}
	p.fact("runs now", "%s", served(part.Served))
	r.checked(&p)
	for _, note := range r.plan.Notes {
		p.line("note: %s", note)
	}
	return p.String()
}

// checked says what the checks came to, with those that are not simply well.
func (r planReport) checked(p *page) {
	if r.checks == nil {
		return
	}
	ok := 0
	for _, c := range r.checks.Results {
		if c.Severity == preflight.OK {
			ok++
		}
	}
	p.section("Checks: %d of %d are well", ok, len(r.checks.Results))
	for _, c := range r.checks.Results {
		if c.Severity == preflight.Warning || c.Severity == preflight.Skipped {
			p.fact(string(c.Severity), "%s: %s", c.Check, c.What)
		}
	}
}

func members(initialCluster string) string { return strings.ReplaceAll(initialCluster, ",", ", ") }

// short fits a name of revision.Facts into the column.
func short(name string) string {
	switch name {
	case "snapshot revision":
		return "snapshot"
	case "highest revision seen":
		return "highest seen"
	case "no evidence from":
		return "unknown of"
	case "starts at revision":
		return "starts at"
	default:
		return name
	}
}

// lost is what the snapshot lacks of what was written. Nobody writes so much as a restore
// raises the revision.
func lost(d *noderestore.Decision) string {
	switch n := d.Proof.Highest - d.Proof.Snapshot; {
	case n >= revision.Margin:
		return "what was written after the snapshot; how much cannot be told, since a restore has raised the revision meanwhile"
	case n > 0:
		return fmt.Sprintf("%s after the snapshot", count(int(n), "revision"))
	case d.Proof.Floor:
		return "what was written after the snapshot; how much cannot be told, since not all of the old data is known"
	}
	return "nothing that the old data tell of"
}

func served(s noderestore.Served) string {
	word := map[bool]string{true: "yes", false: "no"}
	return fmt.Sprintf("etcd %s, API server %s", word[s.Etcd], word[s.API])
}
