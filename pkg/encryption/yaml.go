package encryption

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is a part of the configuration, with where it is: "resources[0].providers".
// What it holds is not quoted in errors: it may be a key, in whatever wrong place
// (invariant I10).
type value struct {
	path string
	node *yaml.Node // nil: not there
	left *int       // how many elements of lists may still be read
}

// maxElements is more than any configuration has. A short text has more only if it
// repeats itself by aliases, of aliases.
const maxElements = 100_000

// object is a value that has fields.
type object struct {
	value
	fields map[string]*yaml.Node
}

var errorLine = regexp.MustCompile(`line \d+`)

// parseYAML reads YAML or JSON. Of what the parser says of bad text only the line is
// passed on.
func parseYAML(text []byte) (value, error) {
	if len(strings.TrimSpace(string(text))) == 0 {
		return value{}, fmt.Errorf("%w: it is empty", ErrConfig)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		where := errorLine.FindString(err.Error())
		return value{}, fmt.Errorf("%w: it is no valid YAML%s", ErrConfig, prefixed(", see ", where))
	}
	if len(doc.Content) != 1 {
		return value{}, fmt.Errorf("%w: it is empty", ErrConfig)
	}
	left := maxElements
	return value{node: doc.Content[0], left: &left}, nil
}

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

func (v value) bad(format string, args ...any) error {
	where := orDefault(v.path, "the file")
	if v.node != nil {
		where = fmt.Sprintf("line %d, %s", v.node.Line, where)
	}
	return fmt.Errorf("%w: %s: %s", ErrConfig, where, fmt.Sprintf(format, args...))
}

// resolved follows an alias to what it stands for. One that contains itself leads no
// further than the fields that are known.
func (v value) resolved() value {
	for v.node != nil && v.node.Kind == yaml.AliasNode {
		v.node = v.node.Alias
	}
	return v
}

// absent is true for what is not there, and for null, which is the same to a server.
func (v value) absent() bool {
	n := v.resolved().node
	return n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null"
}

// object reads an object of the fields known.
func (v value) object(known ...string) (object, error) {
	v = v.resolved()
	if v.node == nil || v.node.Kind != yaml.MappingNode {
		return object{}, v.bad("an object is expected here")
	}
	o := object{v, map[string]*yaml.Node{}}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key := v.node.Content[i]
		if !slices.Contains(known, key.Value) {
			return object{}, value{v.path, key, v.left}.bad("unknown field%s; there are %s", shown(key.Value), orNone(known))
		}
		if _, twice := o.fields[key.Value]; twice {
			return object{}, value{v.path, key, v.left}.bad("field %s is there twice", key.Value)
		}
		o.fields[key.Value] = v.node.Content[i+1]
	}
	return o, nil
}

// shown is a field that is shorter than any key, and looks like a field.
func shown(field string) string {
	if len(field) > 16 || strings.Trim(field, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return ""
	}
	return " " + field
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func (o object) at(field string) value {
	path := field
	if o.path != "" {
		path = o.path + "." + field
	}
	return value{path, o.fields[field], o.left}
}

// present are the fields that are there.
func (o object) present() (names []string) {
	for name := range o.fields {
		if !o.at(name).absent() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// list is the elements of a field that must have some.
func (o object) list(field string) (items []value, err error) {
	v := o.at(field).resolved()
	if v.absent() || v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0 {
		return nil, value{v.path, o.node, v.left}.bad("at least one is required")
	}
	if v.node.Kind != yaml.SequenceNode {
		return nil, v.bad("a list is expected here")
	}
	if *v.left -= len(v.node.Content); *v.left < 0 {
		return nil, v.bad("all lists together have more than %d elements", maxElements)
	}
	for i, n := range v.node.Content {
		items = append(items, value{fmt.Sprintf("%s[%d]", v.path, i), n, v.left})
	}
	return items, nil
}

// text is a string, "" if it is not there.
func (o object) text(field string) (string, error) {
	if o.at(field).absent() {
		return "", nil
	}
	return o.at(field).text()
}

func (o object) required(field string) (string, error) {
	s, err := o.text(field)
	if err == nil && s == "" {
		err = value{o.at(field).path, o.node, o.left}.bad("it is required")
	}
	return s, err
}

// text is a string as a server understands it, for which "on" is no string.
func (v value) text() (string, error) {
	v = v.resolved()
	if v.node == nil || v.node.Kind != yaml.ScalarNode {
		return "", v.bad("a string is expected here")
	}
	switch {
	case v.node.Tag == "!!null":
		return "", nil
	case v.node.Tag != "!!str" && v.node.Tag != "!!timestamp", v.node.Style == 0 && slices.Contains(booleans(), strings.ToLower(v.node.Value)):
		return "", v.bad("a string is expected here, write it in quotes")
	}
	return v.node.Value, nil
}

// booleans are those of YAML 1.1 that are none any more in 1.2, which yaml.v3 reads.
func booleans() []string { return []string{"y", "n", "yes", "no", "on", "off"} }

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
