package etcdrestore

import (
	"strings"
	"unicode/utf8"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// table is rows of words below each other, as kubectl prints them. A word is never
// cut: it may have to be pasted.
type table struct {
	head  []string
	right int // columns from this one on are numbers; 0 for none
	rows  [][]string
}

func (t *table) row(words ...string) {
	for i, w := range words {
		words[i] = output.Clean(w)
	}
	t.rows = append(t.rows, words)
}

func (t *table) String() string {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, w := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(w))
		}
	}
	var b strings.Builder
	for _, row := range append([][]string{t.head}, t.rows...) {
		line := ""
		for i, w := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(w))
			if t.right > 0 && i >= t.right {
				w = pad + w
			} else {
				w += pad
			}
			line = joinColumn(line, w, i)
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

func joinColumn(line, word string, i int) string {
	if i == 0 {
		return word
	}
	return line + "  " + word
}
