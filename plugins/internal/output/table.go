package output

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/tw"
)

// columns is the width that a table must fit: a serial console has no more.
const columns = 80

// printTable draws the result as one row under its columns, as etcdutl does,
// or, where that is too wide, as one line per fact.
func (r Result) printTable(w io.Writer) error {
	header := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		header[i] = f.Column
	}
	var wide bytes.Buffer
	if err := WriteTable(&wide, header, [][]string{r.row()}); err != nil {
		return err
	}
	if widest(wide.String()) <= columns {
		_, err := wide.WriteTo(w)
		return err
	}
	var rows [][]string
	for _, f := range r.Fields {
		rows = append(rows, []string{tw.Title(f.Column), f.text()})
	}
	return WriteTable(w, nil, rows)
}

// WriteTable draws a table in etcdutl's look.
func WriteTable(w io.Writer, header []string, rows [][]string) error {
	cfg := tablewriter.NewConfigBuilder().WithRowAlignment(tw.AlignRight)
	table := tablewriter.NewTable(w, tablewriter.WithConfig(cfg.Build()))
	if header != nil {
		table.Header(header)
	}
	for _, row := range rows {
		if err := table.Append(row); err != nil {
			return err
		}
	}
	return table.Render()
}

func widest(s string) int {
	width := 0
	for line := range strings.Lines(s) {
		width = max(width, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return width
}
