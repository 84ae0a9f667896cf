package snapshotx

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// salvageJSON is the form of -w json.
type salvageJSON struct {
	DryRun bool `json:"dryRun"`
	*salvage.Report
}

func (o *SalvageOptions) result(r *salvage.Report) output.Result {
	return output.Result{
		JSON:   salvageJSON{o.DryRun, r},
		Simple: o.words(r),
		Fields: []output.Field{
			{Name: "Path", Column: "path", Value: r.Path},
			{Name: "Revision", Column: "revision", Value: r.Revision},
			{Name: "Winner", Column: "winner", Value: winner(r).Name},
			{Name: "Majority", Column: "majority", Value: r.Majority},
			{Name: "Tail", Column: "tail", Value: string(r.Tail)},
			{Name: "Committed", Column: "committed", Value: r.CommittedIndex},
			{Name: "Last", Column: "last", Value: r.LastIndex},
			{Name: "Applied", Column: "applied", Value: r.AppliedIndex},
			{Name: "Size", Column: "size", Value: r.Size, Text: output.Size(r.Size)},
			{Name: "SHA256", Column: "sha256", Value: r.SHA256},
		},
	}
}

func winner(r *salvage.Report) (d salvage.Directory) {
	for _, d = range r.Directories {
		if d.Winner {
			break
		}
	}
	return d
}

// words tells a person how the election went and what came of it.
func (o *SalvageOptions) words(r *salvage.Report) string {
	var b strings.Builder
	if r.Path != "" {
		fmt.Fprintf(&b, "Salvaged into %s\n", r.Path)
		fmt.Fprintf(&b, "revision %d, %s, sha256 %s\n\n", r.Revision, output.Size(r.Size), r.SHA256)
	}
	for _, d := range r.Directories {
		mark := ""
		if d.Winner {
			mark = "winner, "
		}
		fmt.Fprintf(&b, "%s (%s): %s%s\n", d.Name, d.Dir, mark, d.Why)
		fmt.Fprintf(&b, "  log to entry %d of term %d, committed to %d\n", d.LastIndex, d.Term, d.CommitIndex)
		fmt.Fprintf(&b, "  database to entry %d, revision %d\n", d.ConsistentIndex, d.Revision)
	}
	b.WriteString("\n" + verdict(r) + "\n" + tailWords(r) + "\n")
	if r.Lost != nil {
		fmt.Fprintf(&b, "lost: what the log held behind entry %d (%s)\n", r.Lost.After, r.Lost.At)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	for _, n := range r.Needs {
		b.WriteString(needWords(n))
	}
	if r.Path != "" {
		b.WriteString("\nnext:\n" + o.nextCommand(r))
	}
	return strings.TrimRight(b.String(), "\n")
}

// verdict says what the directories prove.
func verdict(r *salvage.Report) string {
	var b strings.Builder
	switch {
	case !r.Majority:
		b.WriteString("It is not proven that every acknowledged write is included:")
	case r.Tail == salvage.TailCommitted && r.Unproven > 0:
		b.WriteString("Every acknowledged write is in the directories, but maybe in what is left out:")
	default:
		b.WriteString("Every acknowledged write is included:")
	}
	for i, c := range r.Configurations {
		if i > 0 {
			fmt.Fprintf(&b, ";\n  from entry %d on", c.From)
		}
		fmt.Fprintf(&b, " %d of the %d voters %s", c.Given, len(c.Voters), strings.Join(c.Voters, ", "))
	}
	return b.String()
}

// tailWords says what becomes of the end of the log.
func tailWords(r *salvage.Report) string {
	if r.Unproven == 0 {
		return fmt.Sprintf("Entries behind the database: %d, all known to be committed", r.Replayed)
	}
	what := map[salvage.Tail]string{
		salvage.TailDefault:   "",
		salvage.TailInclude:   ", included",
		salvage.TailCommitted: ", left out",
	}[r.Tail]
	return fmt.Sprintf("Entries behind the database: %d; not known to be committed: %d%s", r.LastIndex-winner(r).ConsistentIndex, r.Unproven, what)
}

func needWords(n salvage.Need) string {
	if n == salvage.NeedPartial {
		return "needed: --allow-partial, or the directories of other members\n"
	}
	return "needed: --tail=include or --tail=committed, or the directories of other members\n"
}

// nextCommand restores the cluster as it was, above all that the directories
// have seen. One that is damaged is left out: restore takes no evidence from it,
// and must know that it has not seen all.
func (o *SalvageOptions) nextCommand(r *salvage.Report) string {
	var cluster, learners []string
	for _, m := range r.Members {
		name := cmp.Or(m.Name, m.ID) // one that never started has no name
		for _, u := range m.PeerURLs {
			cluster = append(cluster, name+"="+u)
		}
		if m.Learner {
			learners = append(learners, name)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "  etcdctl-snapshot-x restore %s --all-members --output-dir new", shellQuote(r.Path))
	fmt.Fprintf(&b, " \\\n    --initial-cluster %s", shellQuote(strings.Join(cluster, ",")))
	for _, name := range learners {
		fmt.Fprintf(&b, " \\\n    --learner %s", shellQuote(name))
	}
	b.WriteString(" \\\n    --bump-revision=auto --mark-compacted")
	for i, s := range o.sources() {
		if dir := s.Dir; r.Directories[i].Sound {
			if s.WALDir != "" {
				dir += "," + s.WALDir
			}
			fmt.Fprintf(&b, " \\\n    --seen-data-dir %s", shellQuote(dir))
		}
	}
	return b.String()
}
