package snapshotx

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// revisionReport words what revision has found.
type revisionReport struct{ *survey }

// print writes the report. The forms table and fields have every source of its
// own before the result.
func (r revisionReport) print(w io.Writer, format output.Format) error {
	switch format {
	case output.Table:
		if err := output.WriteTable(w, sourceHeader(), r.rows()); err != nil {
			return err
		}
	case output.Fields:
		for _, s := range r.sources {
			if err := (output.Result{Fields: sourceFields(s)}).Print(w, format); err != nil {
				return err
			}
		}
		for _, u := range r.failed {
			fields := []output.Field{{Name: "Source", Value: u.source}, {Name: "Error", Value: u.err.Error()}}
			if err := (output.Result{Fields: fields}).Print(w, format); err != nil {
				return err
			}
		}
	}
	return r.result().Print(w, format)
}

func (r revisionReport) result() output.Result {
	highest := r.highest()
	fields := []output.Field{
		{Name: "Sources", Column: "sources", Value: len(r.sources)},
		{Name: "Failed", Column: "failed", Value: len(r.failed)},
		{Name: "Highest", Column: "highest", Value: highest.Highest()},
		{Name: "Highest from", Column: "highest from", Value: highest.String()},
	}
	if p := r.proof; p != nil {
		fields = append(fields,
			output.Field{Name: "Snapshot revision", Column: "snapshot revision", Value: p.Snapshot},
			output.Field{Name: "Missing", Column: "missing", Value: strings.Join(p.Missing, ",")},
			output.Field{Name: "Bump", Column: "bump", Value: p.Bump},
			output.Field{Name: "First revision", Column: "first revision", Value: p.First})
	}
	return output.Result{Fields: fields, Simple: r.text(), JSON: r.json()}
}

// highest is the source that tells of the highest revision, of equals the first
// that is no copy, as in a proof.
func (r revisionReport) highest() evidence.Source {
	return slices.MaxFunc(r.sources, func(a, b evidence.Source) int {
		return cmp.Or(cmp.Compare(a.Highest(), b.Highest()), cmp.Compare(notCopy(a), notCopy(b)))
	})
}

func notCopy(s evidence.Source) int {
	if s.Kind == evidence.Snapshot {
		return 0
	}
	return 1
}

func sourceHeader() []string { return []string{"kind", "proven", "at most", "source"} }

// rows are the sources, and those that could not be read.
func (r revisionReport) rows() [][]string {
	var rows [][]string
	for _, s := range r.sources {
		rows = append(rows, []string{string(s.Kind), fmt.Sprint(s.Proven), atMost(s), output.Clean(s.Name)})
	}
	for _, u := range r.failed {
		rows = append(rows, []string{"failed", "-", "-", output.Clean(u.source)})
	}
	return rows
}

func atMost(s evidence.Source) string {
	if s.Open != "" {
		return "open: " + s.Open
	}
	return fmt.Sprint(s.Highest())
}

// text is the report for a person. Only the sources' own names, which come last
// in a line, can make one wider than 80 columns.
func (r revisionReport) text() string {
	t := &factSheet{}
	t.text.WriteString(columns(append([][]string{{"KIND", "PROVEN", "AT MOST", "SOURCE"}}, r.rows()...)))
	of := ""
	if len(r.failed) > 0 {
		of = " of what could be read"
	}
	fmt.Fprintf(&t.text, "highest%s: %d (%s)\n", of, r.highest().Highest(), r.highest())
	if r.proof != nil {
		t.add("for", r.base.Name)
		t.add("sha256", r.base.sum)
		t.add("revision", factLines(*r.proof)...)
	} else if r.restore != "" && len(r.failed) > 0 {
		t.add("revision", output.Wrap("not decided: what could not be read may tell of a higher one", 68)...)
	}
	for _, note := range r.notes() {
		t.add("note", output.Wrap(note, 68)...)
	}
	if r.proof != nil {
		next := output.Wrap("add --initial-cluster and where to: --all-members --output-dir DIR, or --name and --data-dir; on every host the same file and number", 68)
		t.add("next", append(next, commandLines(r.command(), 66)...)...)
	}
	return strings.TrimSuffix(t.text.String(), "\n")
}

// columns aligns all but the last to the right.
func columns(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		last := len(row) - 1
		for i, cell := range row[:last] {
			fmt.Fprintf(&b, "%*s  ", widths[i], cell)
		}
		fmt.Fprintln(&b, row[last])
	}
	return b.String()
}

// command restores the snapshot above the evidence.
func (r revisionReport) command() []string {
	words := []string{
		"etcdctl-snapshot-x", "restore", output.Quote(r.base.Name),
		fmt.Sprintf("--bump-revision=%d", r.proof.Bump), "--mark-compacted", "--expect-sha256", r.base.sum,
	}
	if !r.base.trailer {
		words = append(words, "--skip-hash-check")
	}
	return words
}

// commandLines breaks a command between its words, so that it can be pasted.
func commandLines(words []string, width int) []string {
	lines := []string{words[0]}
	for _, word := range words[1:] {
		last := &lines[len(lines)-1]
		if utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) > width {
			*last += ` \`
			lines = append(lines, "  "+word)
			continue
		}
		*last += " " + word
	}
	return lines
}

// notes are what a person should know of the sources.
func (r revisionReport) notes() []string {
	notes := []string{}
	if r.base != nil {
		notes = append(notes, evidence.Notes(r.base.Source, r.seen())...)
	}
	for i, s := range r.sources {
		switch {
		case s.Kind == evidence.Snapshot && (r.base == nil || i > 0):
			if note := evidence.LeftInLog(s.Name); note != "" {
				notes = append(notes, note)
			}
		case s.Open == evidence.OpenTorn:
			notes = append(notes, fmt.Sprintf("the log of %s breaks off (%s): its member may have held more, and counts as one of which there is no evidence", s.Name, s.Torn))
		case s.Open == evidence.OpenRunning:
			notes = append(notes, s.Name+" is running and goes on: stop it before the restored cluster starts")
		}
	}
	if ids := r.clusters(); len(ids) > 1 {
		notes = append(notes, "the sources belong to different clusters: "+strings.Join(ids, ", "))
	}
	return notes
}

// clusters are the IDs of the clusters that the sources belong to.
func (r revisionReport) clusters() []string {
	ids := map[string]bool{}
	for _, s := range r.sources {
		if s.ClusterID != 0 {
			ids[hexID(s.ClusterID)] = true
		}
	}
	return slices.Sorted(maps.Keys(ids))
}

// hexID is an ID as etcd prints it, "" for none.
func hexID(id uint64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatUint(id, 16)
}

// sourceFields are a source in the form fields.
func sourceFields(s evidence.Source) []output.Field {
	voters := s.Voters()
	return []output.Field{
		{Name: "Source", Value: s.Name},
		{Name: "Kind", Value: string(s.Kind)},
		{Name: "Proven revision", Value: s.Proven},
		{Name: "Highest revision", Value: s.Highest()},
		{Name: "At most", Value: atMost(s)},
		{Name: "Last key", Value: s.LastKey},
		{Name: "Scheduled compaction", Value: s.Scheduled},
		{Name: "Finished compaction", Value: s.Finished},
		{Name: "Consistent index", Value: s.ConsistentIndex},
		{Name: "Requests above", Value: s.Ahead},
		{Name: "Member", Value: hexID(s.MemberID)},
		{Name: "Member name", Value: s.MemberName},
		{Name: "Cluster", Value: hexID(s.ClusterID)},
		{Name: "Voters", Value: strings.Join(slices.Sorted(maps.Values(voters)), ",")},
		{Name: "Torn at", Value: s.Torn},
	}
}
