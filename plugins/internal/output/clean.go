package output

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
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

// CleanJSON is the same for JSON, of which nothing is lost: what encoding/json leaves as it
// is in strings (DEL, the controls above it, invisible characters) is written as an escape.
func CleanJSON(text []byte) []byte {
	strange := func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }
	if bytes.IndexFunc(text, strange) < 0 {
		return text
	}
	clean := make([]byte, 0, len(text)+64)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if !strange(r) {
			clean = append(clean, text[:size]...)
		} else if high, low := utf16.EncodeRune(r); high != unicode.ReplacementChar {
			clean = fmt.Appendf(clean, `\u%04x\u%04x`, high, low)
		} else {
			clean = fmt.Appendf(clean, `\u%04x`, r)
		}
		text = text[size:]
	}
	return clean
}
