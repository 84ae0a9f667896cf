package etcdrestore

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// errReport is returned when the work is done and only its report is lost.
var errReport = errors.New("the report could not be written")

// printDone prints the result of a verb that has changed something. That it cannot
// be printed does not undo the work, and must not look as if it did.
func (o *Options) printDone(streams Streams, done string, result object) error {
	if err := o.print(streams.Out, result); err != nil {
		return output.WithHint(fmt.Errorf("%s, but %w: %w", done, errReport, err), "look at what stands before you run it again")
	}
	return nil
}

// columns is the width that a text must fit: a serial console has no more.
const columns = 80

// message is an error as a field of a result, "" for none.
func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// hintOf is the next step that an error carries.
func hintOf(err error) string {
	if h := (interface{ Hint() string })(nil); errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// id is an ID as etcd prints it; JSON has no whole numbers of that size.
func id(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%x", n)
}

// moment is a time as a field of a result, nil for none.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ago is a duration with the precision that a person wants.
func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// page collects lines for a person. Whatever is written to it is clean and fits.
type page struct{ b strings.Builder }

// section begins a group of lines.
func (p *page) section(format string, args ...any) {
	if p.b.Len() > 0 {
		p.b.WriteByte('\n')
	}
	p.line(format, args...)
}

// line is a line that stands for itself.
func (p *page) line(format string, args ...any) {
	p.fold("", "", fmt.Sprintf(format, args...))
}

// labelWidth is that of a fact's name, indented.
const labelWidth = 16

// fact is a name and what there is to say; without that there is no line.
func (p *page) fact(name, format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != "" {
		p.fold(fmt.Sprintf("  %-*s", labelWidth-2, name), strings.Repeat(" ", labelWidth), text)
	}
}

// fold writes text behind a first prefix, and behind the next where it needs more
// lines. A word that is longer than a line is cut to pieces.
func (p *page) fold(first, next, text string) {
	text = output.Clean(strings.Join(strings.Fields(text), " "))
	if text == "" {
		return
	}
	width := columns - utf8.RuneCountInString(next)
	for i, line := range output.Wrap(text, width) {
		if i > 0 {
			first = next
		}
		for utf8.RuneCountInString(line) > width {
			runes := []rune(line)
			p.raw(first + string(runes[:width]))
			line, first = string(runes[width:]), next
		}
		p.raw(first + line)
	}
}

// command is a line to be pasted, whole whatever its length.
func (p *page) command(text string) { p.raw("  " + output.Clean(text)) }

func (p *page) raw(line string) {
	p.b.WriteString(strings.TrimRight(line, " "))
	p.b.WriteByte('\n')
}

func (p *page) String() string { return p.b.String() }
