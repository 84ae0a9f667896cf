package yamledit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// find returns the bytes to replace for the string at n. What it returns was
// read: it spells the value of n.
func (d *Document) find(n *yaml.Node) (start, end int, ok bool) {
	start, ok = offset(d.text, n.Line, n.Column)
	if !ok {
		return 0, 0, false
	}
	if n.Kind == yaml.AliasNode {
		name := "*" + n.Value
		return start, start + len(name), bytes.HasPrefix(d.text[start:], []byte(name))
	}
	if start, ok = skipAnchor(d.text, start, n.Anchor); !ok {
		return 0, 0, false
	}
	rest := d.text[start:]
	switch {
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		length := quoted(rest)
		return start, start + length, length > 0
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		from, ok := blockLine(rest, n.Value)
		return start + from, start + from + len(n.Value), ok
	default:
		return start, start + len(n.Value), bytes.HasPrefix(rest, []byte(n.Value))
	}
}

// offset turns a position of the YAML library into bytes. It counts characters,
// has more kinds of line ends than others, and does not count the mark at the
// beginning of a text.
func offset(text []byte, line, column int) (int, bool) {
	at := 0
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		at = len("\ufeff")
	}
	for line--; line > 0; line-- {
		for {
			if at >= len(text) {
				return 0, false
			}
			r, size := utf8.DecodeRune(text[at:])
			at += size
			if r == '\r' && at < len(text) && text[at] == '\n' {
				at++
			}
			if isBreak(r) {
				break
			}
		}
	}
	for column--; column > 0; column-- {
		if at >= len(text) {
			return 0, false
		}
		_, size := utf8.DecodeRune(text[at:])
		at += size
	}
	return at, at < len(text)
}

func isBreak(r rune) bool { return strings.ContainsRune("\r\n\u0085\u2028\u2029", r) }

// skipAnchor steps over an anchor in front of a value. The rest of the line
// belongs to the value, unless that is on a line of its own.
func skipAnchor(text []byte, at int, anchor string) (int, bool) {
	if anchor == "" {
		return at, true
	}
	if !bytes.HasPrefix(text[at:], []byte("&"+anchor)) {
		return 0, false
	}
	at += 1 + len(anchor)
	for at < len(text) && strings.IndexByte(" \t\r\n", text[at]) >= 0 {
		at++
	}
	return at, at < len(text)
}

// quoted returns the length of the quoted string that text begins with, 0 if
// there is none.
func quoted(text []byte) int {
	quote := text[0]
	if quote != '"' && quote != '\'' {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] != quote:
		case quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return 0
}

// blockLine finds the only line of a block scalar, below its header.
func blockLine(text []byte, value string) (int, bool) {
	header := bytes.IndexAny(text, "\r\n")
	if header < 0 || text[0] != '|' && text[0] != '>' {
		return 0, false
	}
	at := header
	for at < len(text) && strings.IndexByte(" \r\n", text[at]) >= 0 {
		at++
	}
	return at, bytes.HasPrefix(text[at:], []byte(value))
}
