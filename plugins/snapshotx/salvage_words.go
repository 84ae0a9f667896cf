package snapshotx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

func winner(r *salvage.Report) (d salvage.Directory) {
	for _, d = range r.Directories {
		if d.Winner {
			break
		}
	}
	return d
}

// words tells it to a person.
func (r salvageReport) words() string {
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
	b.WriteString("\n" + verdict(r.Report) + "\n" + tailWords(r.Report) + "\n")
	if r.Lost != nil {
		b.WriteString(folded("lost: " + lostWords(r.Lost)))
	}
	for _, note := range r.Notes {
		b.WriteString(folded("note: " + note))
	}
	for _, need := range r.Needs {
		b.WriteString(folded("needed: " + needWords(r.Report, need)))
	}
	switch {
	case r.Path != "":
		b.WriteString("\nnext:\n" + r.nextCommand())
	case r.none:
		b.WriteString("\nNothing was written.")
	}
	return strings.TrimRight(b.String(), "\n")
}

// folded is a text in lines of at most 80 columns, as far as its words allow.
func folded(text string) string {
	return strings.Join(output.Wrap(text, 78), "\n  ") + "\n"
}

// isOrWouldBe is the verb for what holds of a snapshot that need not be there.
func isOrWouldBe(r *salvage.Report) string {
	if r.Path == "" {
		return "would be"
	}
	return "is"
}

// verdict says what the directories prove.
func verdict(r *salvage.Report) string {
	is := isOrWouldBe(r)
	claim := "It is not proven that every acknowledged write " + is + " included:"
	switch {
	case r.Complete:
		claim = "Every acknowledged write " + is + " included:"
	case r.Majority:
		claim = "Every acknowledged write is in the directories, but maybe in what " + is + " left out:"
	}
	voters := strings.Join(voterLines(r), "; ")
	if line := claim + " " + voters; utf8.RuneCountInString(line) <= 80 {
		claim = line
	} else {
		claim += "\n  " + strings.Join(output.Wrap(voters, 78), "\n  ")
	}
	if r.Majority {
		claim += "\n  if each directory is as its member left it"
	}
	return claim
}

// voterLines say of each configuration how many of its voters were given.
func voterLines(r *salvage.Report) (lines []string) {
	for i, c := range r.Configurations {
		line := fmt.Sprintf("%d of the %d voters %s", c.Given, len(c.Voters), strings.Join(c.Voters, ", "))
		if i > 0 {
			line = fmt.Sprintf("from entry %d on %s", c.From, line)
		}
		lines = append(lines, line)
	}
	return lines
}

// absent are the voters of whom there is no directory.
func absent(r *salvage.Report) (names []string) {
	for _, c := range r.Configurations {
		for _, name := range c.Voters {
			given := slices.ContainsFunc(r.Directories, func(d salvage.Directory) bool { return d.Name == name })
			if !given && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// tailWords says what becomes of the end of the log, and what is not in it.
func tailWords(r *salvage.Report) string {
	text := fmt.Sprintf("Entries behind the database: %d, all known to be committed", r.Replayed)
	if r.Unproven > 0 {
		text = fmt.Sprintf("Entries behind the database: %d; not known to be committed: %d (%d to %d)",
			r.LastIndex-winner(r).ConsistentIndex, r.Unproven, r.CommittedIndex+1, r.LastIndex)
		if what := map[salvage.Tail]string{salvage.TailInclude: "included", salvage.TailCommitted: "left out"}[r.Tail]; what != "" {
			text += ", " + strings.TrimPrefix(isOrWouldBe(r)+" "+what, "is ")
		}
	}
	text = folded(text)
	if names := absent(r); !r.Majority && len(names) > 0 {
		text += folded("What only the logs of " + strings.Join(names, ", ") + " hold cannot be had from these directories")
	}
	return strings.TrimSuffix(text, "\n")
}

func lostWords(l *salvage.Lost) string {
	return fmt.Sprintf("what the log held behind entry %d (%s)", l.After, l.At)
}

// needWords says what a person has to decide. Where the end of the log is proven
// there is nothing to choose, only to accept what is not in it.
func needWords(r *salvage.Report, n salvage.Need) string {
	switch {
	case n == salvage.NeedPartial:
		return "--allow-partial, or the directories of other members"
	case r.Unproven > 0:
		return "--tail=include or --tail=committed, or the directories of other members"
	case len(absent(r)) > 0:
		return "--tail=include, to go without what only the logs of other members hold, or their directories"
	}
	return "--tail=include, to take what there is, or the directories of other members"
}

// nextCommand restores the cluster as it was, above all that the directories
// have seen. One that is damaged is left out: restore takes no evidence from it,
// and must know that it has not seen all.
func (r salvageReport) nextCommand() string {
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
	fmt.Fprintf(&b, "  etcdctl-snapshot-x restore %s --all-members --output-dir new", output.Quote(r.Path))
	fmt.Fprintf(&b, " \\\n    --initial-cluster %s", output.Quote(strings.Join(cluster, ",")))
	for _, name := range learners {
		fmt.Fprintf(&b, " \\\n    --learner %s", output.Quote(name))
	}
	b.WriteString(" \\\n    --bump-revision=auto")
	for i, s := range r.sources {
		if dir := s.Dir; r.Directories[i].Sound {
			if s.WALDir != "" {
				dir += "," + s.WALDir
			}
			fmt.Fprintf(&b, " \\\n    --seen-data-dir %s", output.Quote(dir))
		}
	}
	return b.String()
}
