package etcdrestore

import (
	"fmt"
	"strings"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// joined leaves out what is empty.
func joined(separator string, words ...string) string {
	var some []string
	for _, w := range words {
		if w != "" {
			some = append(some, w)
		}
	}
	return strings.Join(some, separator)
}

func parens(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// cut is a name that must not break a column.
func cut(s string, width int) string {
	runes := []rune(output.Clean(s))
	if len(runes) <= width {
		return string(runes)
	}
	return string(runes[:width-1]) + "…"
}
