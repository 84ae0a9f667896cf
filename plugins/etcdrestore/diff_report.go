package etcdrestore

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/kubediff"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// diffReport is the form of diff -o json.
type diffReport struct {
	TypeMeta
	Snapshot  string         `json:"snapshot"`
	Other     string         `json:"other"`
	Resources []diffCounts   `json:"resources"`
	Noise     int            `json:"noise"` // changes that are counted only
	Changes   []diffChange   `json:"changes"`
	Warnings  []string       `json:"warnings"`
	Skipped   []string       `json:"skipped"` // what the API server does not list, and why
	tally     kubediff.Tally // of all
	all       bool           // noise has names, too
	fields    int            // objects whose fields are kept
}

type diffCounts struct {
	Resource string `json:"resource"`
	Restore  int    `json:"restore"`
	Remove   int    `json:"remove"`
	Change   int    `json:"change"`
	Noise    int    `json:"noise"`
}

type diffChange struct {
	Op        kubediff.Op `json:"op"`
	Resource  string      `json:"resource"`
	Namespace string      `json:"namespace,omitempty"`
	Name      string      `json:"name"`
	Noise     bool        `json:"noise,omitempty"`
	Error     string      `json:"error,omitempty"` // why the object could not be read

	fields  []kubediff.Field
	dropped bool // fields were not kept
}

func newDiffReport(o *DiffOptions) *diffReport {
	return &diffReport{
		TypeMeta: TypeMeta{apiVersion, "Diff"}, Snapshot: o.Snapshot, Other: o.Other, all: o.All,
		Resources: []diffCounts{}, Changes: []diffChange{}, Warnings: []string{}, Skipped: []string{},
	}
}

const (
	maxFields = 10_000 // objects whose fields are shown: nobody reads more, and they take memory
	maxText   = 2_000  // bytes of a value
)

// add takes a change.
func (d *diffReport) add(c kubediff.Change) error {
	d.tally.Add(c)
	if c.Noise && !d.all {
		return nil
	}
	change := diffChange{Op: c.Op, Resource: c.Resource.String(), Namespace: c.Namespace, Name: c.Name, Noise: c.Noise, Error: message(c.Err)}
	if len(c.Fields) > 0 {
		if change.dropped = d.fields >= maxFields; !change.dropped {
			change.fields = shortened(c.Fields)
			d.fields++
		}
	}
	d.Changes = append(d.Changes, change)
	return nil
}

func shortened(fields []kubediff.Field) []kubediff.Field {
	for i := range fields {
		for _, s := range []*string{&fields[i].Was, &fields[i].Will} {
			if len(*s) > maxText {
				*s = strings.ToValidUTF8((*s)[:maxText], "") + fmt.Sprintf("… (%d bytes)", len(*s))
			}
		}
	}
	return fields
}

// print writes the report in the form that was asked for.
func (d *diffReport) print(o *DiffOptions) error {
	for _, r := range d.tally.Resources() {
		d.Resources = append(d.Resources, diffCounts{r.Resource.String(), r.Restore, r.Remove, r.Alter, r.Noise})
	}
	d.Noise = d.tally.Total().Noise
	d.Warnings = list(d.tally.Warnings())
	if o.Form == formName {
		_, err := io.WriteString(o.streams.Out, d.list(plainPaint))
		return err
	}
	if o.Format != Text {
		return o.print(o.streams.Out, d)
	}
	_, err := io.WriteString(o.streams.Out, d.text(painter(o.streams.Out)))
	return err
}

// words are those without colours.
func (d *diffReport) words() string { return d.text(plainPaint) }

// paint colours the sign of a line.
type paint func(sign, line string) string

func plainPaint(_, line string) string { return line }

// painter paints on a terminal, unless its owner wants no colours (no-color.org).
func painter(w io.Writer) paint {
	if !iostreams.Redraws(w) || os.Getenv("NO_COLOR") != "" {
		return plainPaint
	}
	return coloured
}

// coloured leaves what is to be read in the colour of the terminal: any other is hard to
// read on some background.
func coloured(sign, line string) string {
	colour := map[string]string{"+": "32", "-": "31", "~": "35"}[sign]
	return strings.Replace(line, sign, "\x1b["+colour+"m"+sign+"\x1b[0m", 1)
}

func (d *diffReport) text(paint paint) string {
	var p page
	p.line("A restore of %s, compared with %s", d.Snapshot, d.Other)
	rows := [][]string{{"RESOURCE", "BRINGS BACK", "REMOVES", "CHANGES"}}
	number := func(n int) string { return orDash(strings.TrimPrefix(strconv.Itoa(n), "0")) }
	for _, r := range d.Resources {
		if r.Restore+r.Remove+r.Change > 0 {
			rows = append(rows, []string{r.Resource, number(r.Restore), number(r.Remove), number(r.Change)})
		}
	}
	if len(rows) == 1 {
		p.line("No difference.")
	} else {
		p.section("")
		p.table(rows)
	}
	if names := d.list(paint); names != "" {
		p.section("")
		p.b.WriteString(names)
	}
	if (d.Noise > 0 && !d.all) || len(d.Warnings)+len(d.Skipped) > 0 {
		p.section("")
	}
	if d.Noise > 0 && !d.all {
		p.line("note: %s of what changes all the time left out, --all shows them", count(d.Noise, "change"))
	}
	for _, w := range d.Warnings {
		p.fold("warning: ", "         ", w)
	}
	for _, s := range d.Skipped {
		p.fold("not compared: ", "              ", s)
	}
	return p.String()
}

// list has a line for each object, and below it one for each field.
func (d *diffReport) list(paint paint) string {
	var b strings.Builder
	for _, c := range d.Changes {
		sign := map[kubediff.Op]string{kubediff.Restore: "+", kubediff.Remove: "-", kubediff.Alter: "~"}[c.Op]
		line := sign + " " + output.Clean(c.Resource+"/"+joined("/", c.Namespace, c.Name))
		if c.Error != "" {
			line += " (" + output.Clean(c.Error) + ")"
		}
		if c.dropped {
			line += " (fields not shown: too many objects differ, name a RESOURCE)"
		}
		b.WriteString(paint(sign, line) + "\n")
		for _, f := range c.fields {
			for _, half := range []struct{ sign, text string }{{"-", f.Was}, {"+", f.Will}} {
				if half.text != "" {
					b.WriteString(paint(half.sign, "  "+half.sign+" "+output.Clean(f.Path+": "+half.text)) + "\n")
				}
			}
		}
	}
	return b.String()
}
