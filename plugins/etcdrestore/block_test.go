package etcdrestore

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vt is as much of a terminal as a block needs: rows that wrap, a cursor that goes up,
// lines that are cleared, and a full row behind whose end the last character is cleared.
type vt struct {
	width    int
	rows     [][]rune
	row, col int
}

func (v *vt) Write(p []byte) (int, error) {
	text := string(p)
	for text != "" {
		up := 0
		switch {
		case strings.HasPrefix(text, clearLine):
			v.clear()
			text = text[len(clearLine):]
		case strings.HasPrefix(text, clearBelow):
			v.clear()
			v.rows = v.rows[:v.row+1]
			text = text[len(clearBelow):]
		case strings.HasPrefix(text, "\x1b["):
			if _, err := fmt.Sscanf(text, "\x1b[%dA", &up); err != nil {
				return 0, fmt.Errorf("no terminal obeys %q", text)
			}
			v.row = max(0, v.row-up)
			text = text[strings.Index(text, "A")+1:]
		default:
			r := []rune(text)[0]
			v.put(r)
			text = text[len(string(r)):]
		}
	}
	return len(p), nil
}

func (v *vt) clear() { v.rows[v.row] = v.rows[v.row][:min(v.col, v.width-1, len(v.rows[v.row]))] }

func (v *vt) put(r rune) {
	switch {
	case r == '\r':
		v.col = 0
		return
	case r == '\n', v.col == v.width:
		v.row, v.col = v.row+1, 0
		if v.row == len(v.rows) {
			v.rows = append(v.rows, nil)
		}
	}
	if r == '\n' {
		return
	}
	line := v.rows[v.row]
	for len(line) <= v.col {
		line = append(line, ' ')
	}
	line[v.col] = r
	v.rows[v.row], v.col = line, v.col+1
}

func (v *vt) String() string {
	var lines []string
	for _, row := range v.rows {
		lines = append(lines, string(row))
	}
	return strings.Join(lines, "\n")
}

// What is drawn stands alone in its place, and what was said stays above it, whether lines
// are short, full or wrapped.
func TestBlock(t *testing.T) {
	t.Parallel()
	full, wrapped := strings.Repeat("f", columns), strings.Repeat("w", columns+5)
	screen := &vt{width: columns, rows: [][]rune{[]rune("$ before"), nil}, row: 1}
	b := &block{w: screen}
	for _, step := range []struct {
		text  string
		lines []string
		want  string
	}{
		{"", []string{"one", wrapped, "two"}, "one\n" + wrapped[:columns] + "\nwwwww\ntwo\n"},
		{"", []string{full, "x", "y"}, full + "\nx\ny\n"},
		{"said\n", []string{"x"}, "said\nx\n"},
		{wrapped + "\n", []string{"x", full}, "said\n" + wrapped[:columns] + "\nwwwww\nx\n" + full + "\n"},
		{"", nil, "said\n" + wrapped[:columns] + "\nwwwww\n"},
	} {
		if err := b.draw(step.text, step.lines); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff("$ before\n"+step.want, screen.String()); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
}

// TestBlockFitsItsScreen: what would scroll off is left out, from the beginning.
func TestBlockFitsItsScreen(t *testing.T) {
	t.Parallel()
	var lines []string
	for i := range 2 * screen {
		lines = append(lines, fmt.Sprint(i))
	}
	var out bytes.Buffer
	b := &block{w: &out}
	if err := b.draw("", lines); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "\n"); got != screen-1 || b.lines[got-1] != lines[len(lines)-1] {
		t.Errorf("%d lines, the last is %s", got, b.lines[got-1])
	}
}
