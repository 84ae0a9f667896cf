package output

import (
	"strings"
	"unicode"
)

// Clean makes a string that came from elsewhere (a member's name, a server's
// message, a path) safe to print: control sequences that could move the cursor
// or rewrite the screen, and invisible characters that could reorder the text,
// are dropped.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s)
}
