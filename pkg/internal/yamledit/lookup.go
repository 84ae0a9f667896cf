package yamledit

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Value is a place in a document. Its zero value is a place that does not exist,
// and so are all places below that.
type Value struct {
	node    *yaml.Node // an alias itself, not what it stands for
	through bool       // reached through an alias or a merge: it belongs to another place, too
}

// Root is the whole document.
func (d *Document) Root() Value { return Value{node: d.root} }

// Exists reports whether anything stands at the place, if only null.
func (v Value) Exists() bool { return v.node != nil }

// IsNull reports whether the place says nothing: absent, or null.
func (v Value) IsNull() bool { return v.node == nil || v.real().Tag == "!!null" }

// IsMapping reports whether the value has keys.
func (v Value) IsMapping() bool { return v.node != nil && v.real().Kind == yaml.MappingNode }

// IsSequence reports whether the value is a list.
func (v Value) IsSequence() bool { return v.node != nil && v.real().Kind == yaml.SequenceNode }

// Line is the line on which the value stands, from 1; 0 if there is none.
func (v Value) Line() int {
	if v.node == nil {
		return 0
	}
	return v.node.Line
}

// Text is the value if it is a string.
func (v Value) Text() (string, bool) {
	if v.node == nil {
		return "", false
	}
	n := v.real()
	return n.Value, isString(n)
}

// isString reports whether Kubernetes takes n for a string. Its YAML reader is
// older than ours: dates are strings, and there are more words for true and false.
func isString(n *yaml.Node) bool {
	switch {
	case n.Kind != yaml.ScalarNode:
		return false
	case n.Style == 0 && n.Tag == "!!str":
		switch strings.ToLower(n.Value) {
		case "y", "n", "yes", "no", "on", "off":
			return false
		}
		return true
	default:
		return n.Tag == "!!str" || n.Tag == "!!timestamp" && n.Style == 0
	}
}

// Bool is the value if it is true or false.
func (v Value) Bool() (value, ok bool) {
	if v.node == nil {
		return false, false
	}
	n := v.real()
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		return false, false
	}
	return n.Value == "true" || n.Value == "True" || n.Value == "TRUE", true
}

// Int is the value if it is a whole number.
func (v Value) Int() (int64, bool) {
	if v.node == nil {
		return 0, false
	}
	n := v.real()
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Value, 0, 64)
	return i, err == nil
}

// Get goes down the keys of mappings.
func (v Value) Get(keys ...string) Value {
	for _, key := range keys {
		found := Value{}
		v.each(func(k string, child Value) bool {
			if k == key {
				found = child
			}
			return k != key
		})
		v = found
	}
	return v
}

// Keys are the keys of a mapping, in order, those that it merges in last.
func (v Value) Keys() []string {
	var keys []string
	seen := map[string]bool{}
	v.each(func(key string, _ Value) bool {
		if !seen[key] {
			keys = append(keys, key)
		}
		seen[key] = true
		return true
	})
	return keys
}

// each visits the keys of a mapping until visit returns false: first what it says
// itself, which goes before, then what it merges in, where the first goes before.
// Anchors can make circles and take a mapping in any number of times; it is
// visited once.
func (v Value) each(visit func(key string, child Value) bool) {
	if v.IsMapping() {
		v.visit(visit, map[*yaml.Node]bool{})
	}
}

func (v Value) visit(visit func(string, Value) bool, seen map[*yaml.Node]bool) bool {
	n, through := v.real(), v.isThrough()
	if n.Kind != yaml.MappingNode || seen[n] {
		return true
	}
	seen[n] = true
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := follow(n.Content[i]); k.Tag == "!!merge" {
			merged = append(merged, sources(n.Content[i+1])...)
		} else if !visit(k.Value, Value{n.Content[i+1], through}) {
			return false
		}
	}
	for _, m := range merged {
		if !(Value{m, true}).visit(visit, seen) {
			return false
		}
	}
	return true
}

// sources are the mappings that a merge key takes in.
func sources(n *yaml.Node) []*yaml.Node {
	if n = follow(n); n.Kind == yaml.SequenceNode {
		return n.Content
	}
	return []*yaml.Node{n}
}

// Items are the values of a sequence.
func (v Value) Items() []Value {
	if !v.IsSequence() {
		return nil
	}
	var items []Value
	for _, n := range v.real().Content {
		items = append(items, Value{n, v.isThrough()})
	}
	return items
}

func (v Value) real() *yaml.Node { return follow(v.node) }

// isThrough reports whether what lies below v is somebody else's as well.
func (v Value) isThrough() bool { return v.through || v.node.Kind == yaml.AliasNode }

func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
