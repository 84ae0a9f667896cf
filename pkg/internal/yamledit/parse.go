package yamledit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Document is a text and what it says.
type Document struct {
	text []byte
	root *yaml.Node // the document's one value
}

// maxSize is what Kubernetes stores of an object at most.
const maxSize = 1 << 20

// Parse reads one document. A text that begins with a brace is JSON, as it is to
// Kubernetes. Keys that stand twice in one mapping are refused, since readers
// differ in which of them counts.
func Parse(text []byte) (*Document, error) {
	if len(text) > maxSize {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrSyntax, maxSize)
	}
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	isJSON := bytes.HasPrefix(bytes.TrimLeftFunc(text, unicode.IsSpace), []byte("{"))
	if isJSON && !json.Valid(text) {
		return nil, hint.New(fmt.Errorf("%w: it begins with a brace and is no JSON", ErrSyntax), "Kubernetes reads it as JSON, so it must be that")
	}
	root, err := decode(text)
	if err != nil {
		return nil, err
	}
	if err := checkKeys(root); err != nil {
		return nil, err
	}
	if isJSON && !readsAlike(text, root) {
		return nil, fmt.Errorf("%w: as JSON it says something else than as YAML", ErrSyntax)
	}
	return &Document{text: bytes.Clone(text), root: root}, nil
}

// decode reads the only document of a text.
func decode(text []byte) (*yaml.Node, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it is empty", ErrSyntax)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, hint.New(fmt.Errorf("%w: it goes on behind its first document", ErrSyntax), "Kubernetes reads only the first: remove the line --- and what follows")
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) != 1 {
		return nil, fmt.Errorf("%w: it is empty", ErrSyntax)
	}
	return doc.Content[0], nil
}

// checkKeys looks for keys that stand twice, and for merges whose outcome depends
// on the reader: the one that Kubernetes uses lets a merge win over what stands
// above it.
func checkKeys(n *yaml.Node) error {
	if n.Kind == yaml.MappingNode {
		if err := checkMapping(n); err != nil {
			return err
		}
	}
	for _, child := range n.Content {
		if err := checkKeys(child); err != nil {
			return err
		}
	}
	return nil
}

func checkMapping(n *yaml.Node) error {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, line := follow(n.Content[i]), n.Content[i].Line
		switch {
		case key.Kind != yaml.ScalarNode:
			return fmt.Errorf("%w: line %d: a key is no string", ErrSyntax, line)
		case seen[key.Value]:
			return hint.New(fmt.Errorf("%w: line %d: the key %q stands twice in one mapping", ErrSyntax, line, key.Value), "remove one of them")
		case key.Tag == "!!merge":
			for _, m := range sources(n.Content[i+1]) {
				for _, merged := range (Value{node: m}).Keys() {
					if seen[merged] {
						return hint.New(fmt.Errorf("%w: line %d: the merged mapping has the key %q, which stands above", ErrSyntax, line, merged),
							"put the merge first, or write the values out")
					}
				}
			}
		}
		seen[key.Value] = true
	}
	return nil
}

// readsAlike reports whether a JSON text gives the same values to a YAML reader.
// Numbers are left out: none is ever looked at.
func readsAlike(text []byte, root *yaml.Node) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	return d.Decode(&v) == nil && sameAsJSON(root, v)
}

func sameAsJSON(n *yaml.Node, v any) bool {
	switch v := v.(type) {
	case map[string]any:
		if n.Kind != yaml.MappingNode || len(n.Content) != 2*len(v) {
			return false
		}
		for i := 0; i < len(n.Content); i += 2 {
			child, ok := v[n.Content[i].Value]
			if !ok || !sameAsJSON(n.Content[i+1], child) {
				return false
			}
		}
		return true
	case []any:
		if n.Kind != yaml.SequenceNode || len(n.Content) != len(v) {
			return false
		}
		for i, child := range v {
			if !sameAsJSON(n.Content[i], child) {
				return false
			}
		}
		return true
	case string:
		return n.Kind == yaml.ScalarNode && n.Tag == "!!str" && n.Value == v
	default: // number, bool, null
		return n.Kind == yaml.ScalarNode && n.Tag != "!!str" && (v == nil) == (n.Tag == "!!null")
	}
}
