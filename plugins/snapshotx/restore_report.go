package snapshotx

import (
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// planJSON is the form of -w json.
type planJSON struct {
	DryRun bool `json:"dryRun"`
	*restore.Plan
}

// planResult words what a restore did, or would do.
func planResult(p *restore.Plan, dryRun bool) output.Result {
	return output.Result{
		JSON:   planJSON{dryRun, p},
		Simple: planText(p, dryRun),
		Fields: []output.Field{
			{Name: "Snapshot", Column: "snapshot", Value: p.Snapshot.Path},
			{Name: "SHA256", Column: "sha256", Value: p.Snapshot.SHA256},
			{Name: "Trailer", Column: "trailer", Value: string(p.Snapshot.Trailer)},
			{Name: "Cluster", Column: "cluster", Value: p.ClusterID},
			{Name: "Token", Column: "token", Value: p.Token},
			{Name: "Members", Column: "members", Value: strings.Join(memberNames(p), ",")},
			{Name: "Snapshot revision", Column: "snapshot revision", Value: p.Revision.Snapshot},
			{Name: "Highest revision", Column: "highest revision", Value: p.Revision.Highest},
			{Name: "Bump", Column: "bump", Value: p.Revision.Bump},
			{Name: "Revision", Column: "revision", Value: p.Revision.Restored},
			{Name: "Compacted", Column: "compacted", Value: p.Revision.Compacted},
		},
	}
}

func memberNames(p *restore.Plan) []string {
	var names []string
	for _, m := range p.Members {
		names = append(names, m.Name)
	}
	return names
}

// planText is the plan for a person: a name and a fact to a line, none of the
// program's own wider than 80 columns.
func planText(p *restore.Plan, dryRun bool) string {
	t := &factSheet{}
	verb, next := "Restored", "start every member on its directory with its --name; what --initial-cluster says no longer matters"
	if dryRun {
		verb, next = "Would restore", "nothing was changed; run it again without --dry-run (a token that is not given, with it the IDs, and a floor are chosen anew then)"
	}
	fmt.Fprintf(&t.text, "%s %s for cluster %s\n", verb, p.Snapshot.Path, p.ClusterID)
	t.add("token", p.Token)
	if p.Snapshot.SHA256 != "" {
		t.add("sha256", p.Snapshot.SHA256)
	}
	if p.Snapshot.Trailer != "" {
		t.add("trailer", string(p.Snapshot.Trailer))
	}
	for _, m := range p.Members {
		t.add("member", fmt.Sprintf("%s %s  %s", m.ID, role(m), strings.Join(m.PeerURLs, ",")), place(m))
	}
	proof := factLines(p.Revision.Proof)
	if p.Revision.Compacted > 0 {
		proof = append(proof, fmt.Sprintf("compacted up to: %d", p.Revision.Compacted))
	}
	t.add("revision", proof...)
	if dryRun {
		for _, s := range p.Space {
			t.add("space", fmt.Sprintf("%s of %s free in %s", output.Size(s.Need), output.Size(s.Free), s.Dir))
		}
	}
	for _, note := range p.Notes {
		t.add("note", output.Wrap(note, 68)...)
	}
	t.add("next", output.Wrap(next, 68)...)
	return strings.TrimSuffix(t.text.String(), "\n")
}

// factLines are the facts of a proof, one to a line.
func factLines(p revision.Proof) []string {
	var lines []string
	for _, fact := range p.Facts() {
		lines = append(lines, fact.Name+": "+fact.Value)
	}
	return lines
}

// factSheet lists facts under their names.
type factSheet struct{ text strings.Builder }

// add writes lines, the first behind name and the others below it.
func (t *factSheet) add(name string, lines ...string) {
	for _, line := range lines {
		fmt.Fprintf(&t.text, "%-10s %s\n", name, line)
		name = ""
	}
}

func role(m restore.Member) string {
	if m.Learner {
		return m.Name + " (learner)"
	}
	return m.Name
}

// place says where a member is, and how large.
func place(m restore.Member) string {
	where := m.DataDir
	if m.WALDir != "" {
		where += ", log in " + m.WALDir
	}
	if m.Size >= 0 {
		where += ", " + output.Size(m.Size)
	}
	return where
}
