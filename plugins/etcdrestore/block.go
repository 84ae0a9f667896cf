package etcdrestore

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
)

// block is the last lines on a terminal, drawn again in their place: what stands above
// them stays, and the cursor is below them, wherever it ends.
type block struct {
	w     io.Writer
	lines []string // that stand there
}

// draw puts lines in the place of those that stand there, and above them text, which
// stays. It is one write, in which nothing is cleared that is not then empty: a screen
// that is cleared first flickers.
func (b *block) draw(text string, lines []string) error {
	width := iostreams.Width(b.w, columns)
	lines = lastLines(lines, width, iostreams.Height(b.w, screen)-1) // one for the cursor
	var out bytes.Buffer
	if n := rows(b.lines, width); n > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\r", n)
	}
	for line := range strings.Lines(text) {
		drawLine(&out, strings.TrimSuffix(line, "\n"), width)
	}
	for _, line := range lines {
		drawLine(&out, line, width)
	}
	out.WriteString(clearBelow)
	b.lines = lines
	_, err := out.WriteTo(b.w)
	return err
}

// screen is the number of lines of a terminal that does not tell it.
const screen = 24

const (
	clearLine  = "\x1b[K" // from the cursor to its end
	clearBelow = "\x1b[J"
)

// drawLine clears what is left of the row. Behind a full one the cursor has no place of
// its own, and the last character would go.
func drawLine(out *bytes.Buffer, line string, width int) {
	out.WriteString(line)
	if n := utf8.RuneCountInString(line); n == 0 || n%width != 0 {
		out.WriteString(clearLine)
	}
	out.WriteByte('\n')
}

// rows is how many rows of a terminal the lines take.
func rows(lines []string, width int) (n int) {
	for _, line := range lines {
		n += max(1, (utf8.RuneCountInString(line)+width-1)/width)
	}
	return n
}

// lastLines are those that fit: what has scrolled off cannot be drawn again, and what
// counts stands last.
func lastLines(lines []string, width, height int) []string {
	for len(lines) > 1 && rows(lines, width) > height {
		lines = lines[1:]
	}
	return lines
}
