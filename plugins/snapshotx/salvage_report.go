package snapshotx

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// salvageReport words how the election went and what came of it.
type salvageReport struct {
	*salvage.Report
	sources []salvage.Source
	dryRun  bool
	none    bool // there is no file, though there should be one
}

func (o *SalvageOptions) report(r *salvage.Report) salvageReport {
	_, err := os.Lstat(o.Output)
	return salvageReport{r, o.sources(), o.DryRun, !o.DryRun && os.IsNotExist(err)}
}

// salvageJSON is the form of -w json.
type salvageJSON struct {
	DryRun bool `json:"dryRun"`
	*salvage.Report
}

// Print writes the report. The forms table and fields have every directory of its
// own before the result.
func (r salvageReport) Print(w io.Writer, format output.Format) error {
	result := output.Result{JSON: salvageJSON{r.dryRun, r.Report}, Simple: r.words(), Fields: r.fields()}
	switch format {
	case output.Table:
		if err := output.WriteTable(w, directoryHeader(), r.rows()); err != nil {
			return err
		}
		result.Fields = narrow(result.Fields)
	case output.Fields:
		for _, d := range r.Directories {
			if err := (output.Result{Fields: directoryFields(d)}).Print(w, format); err != nil {
				return err
			}
		}
	}
	return result.Print(w, format)
}

func directoryHeader() []string {
	return []string{"name", "term", "log to", "committed", "revision", "vote", "directory"}
}

func (r salvageReport) rows() (rows [][]string) {
	for _, d := range r.Directories {
		vote := "no"
		if d.Vote {
			vote = "yes"
		}
		dir := d.Dir
		if d.WALDir != "" {
			dir += "," + d.WALDir
		}
		rows = append(rows, []string{
			output.Clean(d.Name), fmt.Sprint(d.Term), fmt.Sprint(d.LastIndex), fmt.Sprint(d.CommitIndex), fmt.Sprint(d.Revision),
			vote, output.Clean(dir),
		})
	}
	return rows
}

// directoryFields are a directory in the form fields.
func directoryFields(d salvage.Directory) []output.Field {
	return []output.Field{
		{Name: "Directory", Value: d.Dir},
		{Name: "Log directory", Value: d.WALDir},
		{Name: "Member", Value: d.MemberID},
		{Name: "Member name", Value: d.Name},
		{Name: "Term", Value: d.Term},
		{Name: "Last entry", Value: d.LastIndex},
		{Name: "Committed entry", Value: d.CommitIndex},
		{Name: "Consistent index", Value: d.ConsistentIndex},
		{Name: "Database revision", Value: d.Revision},
		{Name: "Vote", Value: d.Vote},
		{Name: "Sound", Value: d.Sound},
		{Name: "Why", Value: d.Why},
	}
}

// fields are the result. Of a snapshot that is not there nothing is said.
func (r salvageReport) fields() (fields []output.Field) {
	add := func(name string, value any) {
		fields = append(fields, output.Field{Name: name, Column: strings.ToLower(name), Value: value})
	}
	add("Written", r.Path != "")
	if r.Path != "" {
		add("Path", r.Path)
		add("Revision", r.Revision)
		fields = append(fields, output.Field{Name: "Size", Column: "size", Value: r.Size, Text: output.Size(r.Size)})
		add("SHA256", r.SHA256)
	}
	add("Winner", winner(r.Report).Name)
	add("Majority", r.Majority)
	add("Complete", r.Complete)
	for _, line := range voterLines(r.Report) {
		add("Voters", line)
	}
	add("Tail", string(r.Tail))
	add("Committed", r.CommittedIndex)
	add("Last", r.LastIndex)
	add("Applied", r.AppliedIndex)
	if r.Lost != nil {
		add("Lost", lostWords(r.Lost))
	}
	for _, note := range r.Notes {
		add("Note", note)
	}
	for _, need := range r.Needs {
		add("Needed", needWords(r.Report, need))
	}
	return fields
}

// narrow breaks sentences into lines that leave room for the names in a table.
func narrow(fields []output.Field) (lines []output.Field) {
	for _, f := range fields {
		if !slices.Contains([]string{"Voters", "Lost", "Note", "Needed"}, f.Name) {
			lines = append(lines, f)
			continue
		}
		for _, line := range output.Wrap(fmt.Sprint(f.Value), 64) {
			lines = append(lines, output.Field{Column: f.Column, Value: line})
			f.Column = ""
		}
	}
	return lines
}
