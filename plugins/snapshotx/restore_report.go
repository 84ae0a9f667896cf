package snapshotx

import (
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/restore"
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

func planText(p *restore.Plan, dryRun bool) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s %s\n", name, fmt.Sprintf(format, args...))
	}
	verb := "Restored"
	if dryRun {
		verb = "Would restore"
	}
	fmt.Fprintf(&b, "%s %s for cluster %s\n", verb, p.Snapshot.Path, p.ClusterID)
	line("token", "%s", p.Token)
	if p.Snapshot.SHA256 != "" {
		line("sha256", "%s %s", p.Snapshot.SHA256, p.Snapshot.Trailer)
	}
	for _, m := range p.Members {
		line("member", "%s %s  %s", m.ID, role(m), strings.Join(m.PeerURLs, ","))
		line("", "%s", place(m))
	}
	for i, fact := range p.Revision.Facts() {
		name := ""
		if i == 0 {
			name = "revision"
		}
		line(name, "%s: %s", fact.Name, fact.Value)
	}
	if p.Revision.Compacted > 0 {
		line("", "compacted up to: %d", p.Revision.Compacted)
	}
	for _, s := range p.Space {
		if dryRun {
			line("space", "%s of %s free in %s", output.Size(s.Need), output.Size(s.Free), s.Dir)
		}
	}
	for _, note := range p.Notes {
		for i, part := range output.Wrap(note, 68) {
			name := ""
			if i == 0 {
				name = "note"
			}
			line(name, "%s", part)
		}
	}
	if dryRun {
		line("next", "run it again without --dry-run; nothing was changed")
	} else {
		line("next", "start every member on its directory with its --name; the --initial-cluster flags no longer matter")
	}
	return strings.TrimSuffix(b.String(), "\n")
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
