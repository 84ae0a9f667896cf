package yamledit

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Replace returns the text with the string at v replaced. An alias is replaced by
// the string itself, so that what it stood for stays as it is.
//
// The spelling of the old string is kept: one without quotes gets them only where
// the new string needs them.
func (d *Document) Replace(v Value, value string) ([]byte, error) {
	old, ok := v.Text()
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: line %d: there is no string", ErrStyle, v.Line())
	case !printable(old):
		return nil, hint.New(fmt.Errorf("%w: line %d: %q", ErrStyle, v.Line(), old), "there is more in it than one sees: write it on one line")
	case !printable(value):
		return nil, fmt.Errorf("%w: %q", ErrValue, value)
	case v.through || d.isShared(v.node):
		return nil, hint.New(fmt.Errorf("%w: line %d: %q", ErrShared, v.Line(), old), "write the value out wherever it is used, without anchor and alias")
	case old == value:
		return bytes.Clone(d.text), nil
	}
	start, end, ok := d.find(v.node)
	if !ok {
		return nil, hint.New(fmt.Errorf("%w: line %d: %q", ErrStyle, v.Line(), old), "write it on one line, without a tag")
	}
	for _, spelling := range spellings(v.node, value) {
		text := splice(d.text, start, end, spelling)
		if d.onlyDiffers(text, v.node, value) {
			return text, nil
		}
	}
	return nil, fmt.Errorf("%w: line %d: %q", ErrStyle, v.Line(), old)
}

func splice(text []byte, start, end int, by string) []byte {
	out := make([]byte, 0, len(text)+len(by))
	out = append(out, text[:start]...)
	out = append(out, by...)
	return append(out, text[end:]...)
}

func printable(s string) bool {
	return s != "" && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// spellings are the ways to write value in the place of n, the best first.
func spellings(n *yaml.Node, value string) []string {
	double := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return []string{double}
	case n.Style&yaml.SingleQuotedStyle != 0:
		return []string{`'` + strings.ReplaceAll(value, `'`, `''`) + `'`}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return []string{value}
	default:
		return []string{value, double}
	}
}

// isShared reports whether n, or anything that n is a part of, has an alias.
func (d *Document) isShared(n *yaml.Node) bool {
	anchored := map[*yaml.Node]bool{}
	above(d.root, n, anchored)
	shared := false
	walk(d.root, func(other *yaml.Node) {
		shared = shared || other.Kind == yaml.AliasNode && anchored[other.Alias]
	})
	return shared
}

// above collects n and the nodes that it is a part of.
func above(at, n *yaml.Node, into map[*yaml.Node]bool) bool {
	found := at == n
	for _, child := range at.Content {
		found = above(child, n, into) || found
	}
	if found {
		into[at] = true
	}
	return found
}

func walk(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, child := range n.Content {
		walk(child, visit)
	}
}

// onlyDiffers is the proof: text says what d says, node by node, but that the
// string at n is value.
func (d *Document) onlyDiffers(text []byte, n *yaml.Node, value string) bool {
	edited, err := Parse(text)
	return err == nil && sameBut(d.root, edited.root, n, value)
}

func sameBut(a, b, n *yaml.Node, value string) bool {
	if a.Line != b.Line || a.HeadComment != b.HeadComment || a.LineComment != b.LineComment || a.FootComment != b.FootComment {
		return false
	}
	if a == n {
		return isString(b) && b.Value == value && (a.Kind == yaml.AliasNode || a.Anchor == b.Anchor)
	}
	if a.Kind != b.Kind || a.Tag != b.Tag || a.Style != b.Style || a.Value != b.Value || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return false
	}
	for i := range a.Content {
		if !sameBut(a.Content[i], b.Content[i], n, value) {
			return false
		}
	}
	return true
}
