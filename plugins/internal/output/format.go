// Package output prints results and errors: one result in the four forms of
// etcdctl's -w, an error with its hint, and nothing that a terminal obeys.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/dustin/go-humanize"
)

// Format is one of the forms of etcdctl's --write-out. It is a flag value.
type Format string

// The forms, as etcdutl has them; it has no result in protobuf either.
const (
	Simple Format = "simple"
	Table  Format = "table"
	JSON   Format = "json"
	Fields Format = "fields"
)

// Formats lists the forms, for help texts and completion.
func Formats() []string {
	return []string{string(Simple), string(Table), string(JSON), string(Fields)}
}

func (f *Format) String() string { return string(*f) }

// Type names the value in a help text.
func (f *Format) Type() string { return "format" }

// Set implements pflag.Value.
func (f *Format) Set(s string) error {
	for _, known := range Formats() {
		if s == known {
			*f = Format(s)
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", strings.Join(Formats(), ", "))
}

// Field is one fact of a result.
type Field struct {
	Name   string // in -w fields
	Column string // in -w table
	Value  any    // in -w fields
	Text   string // in -w simple and table; empty means fmt.Sprint(Value)
}

// text returns the field as a person reads it.
func (f Field) text() string {
	if f.Text != "" {
		return Clean(f.Text)
	}
	return Clean(fmt.Sprint(f.Value))
}

// Result is what a command found, in every form it can be asked for.
type Result struct {
	Fields []Field
	JSON   any
	Simple string // in -w simple; empty means the fields on one line, as etcdutl has it
}

// Print writes the result in the given form.
func (r Result) Print(w io.Writer, format Format) error {
	switch format {
	case JSON:
		text, err := json.Marshal(r.JSON)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", CleanJSON(text))
		return err
	case Fields:
		return r.printFields(w)
	case Table:
		return r.printTable(w)
	default:
		return r.printSimple(w)
	}
}

func (r Result) printSimple(w io.Writer) error {
	simple := cleanLines(r.Simple)
	if simple == "" {
		simple = strings.Join(r.row(), ", ")
	}
	_, err := fmt.Fprintln(w, simple)
	return err
}

func (r Result) printFields(w io.Writer) error {
	for _, f := range r.Fields {
		value := f.Value
		if s, ok := value.(string); ok {
			value = Clean(s)
		}
		if _, err := fmt.Fprintf(w, "%q : %v\n", f.Name, value); err != nil {
			return err
		}
	}
	return nil
}

func (r Result) row() []string {
	row := make([]string, len(r.Fields))
	for i, f := range r.Fields {
		row[i] = f.text()
	}
	return row
}

// Size writes a number of bytes as etcdutl does: 1.0 GB is 10^9 bytes.
func Size(n int64) string {
	return humanize.Bytes(uint64(max(n, 0)))
}
