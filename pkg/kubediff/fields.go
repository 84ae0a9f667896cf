package kubediff

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// Field is a part of an object that differs.
type Field struct {
	Path string `json:"path"`          // spec.containers[web].image
	Was  string `json:"was,omitempty"` // in the other state, as JSON; "" is not there
	Will string `json:"will,omitempty"`
}

// Fields are those in which an object will differ from what it was. What the API server
// keeps for itself in the metadata is left out. What a Secret holds is not told unless
// secret is true (invariant I10).
func Fields(will, was *unstructured.Unstructured, secret bool) []Field {
	d := differ{hide: !secret && (kubeobject.IsSecret(will) || kubeobject.IsSecret(was))}
	d.object("", will.Object, was.Object)
	return d.fields
}

type differ struct {
	hide   bool
	fields []Field
}

// owned are fields that the API server writes with every change.
func owned() []string {
	return []string{"metadata.resourceVersion", "metadata.managedFields", "metadata.generation", "metadata.selfLink"}
}

func (d *differ) value(path string, will, was any) {
	if reflect.DeepEqual(will, was) || slices.Contains(owned(), path) {
		return
	}
	if x, ok := will.(map[string]any); ok {
		if y, ok := was.(map[string]any); ok {
			d.object(path, x, y)
			return
		}
	}
	if x, ok := will.([]any); ok {
		if y, ok := was.([]any); ok {
			d.list(path, x, y)
			return
		}
	}
	d.fields = append(d.fields, Field{Path: path, Was: d.text(path, was), Will: d.text(path, will)})
}

func (d *differ) object(path string, will, was map[string]any) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(will)), maps.Keys(was))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		d.value(below(path, name), will[name], was[name])
	}
}

// below is the path of a field. One whose name has dots in it gets brackets.
func below(path, name string) string {
	switch {
	case strings.ContainsAny(name, "./[]"):
		return path + "[" + name + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

// list compares two lists: element by element if these have names, and as a whole if
// they do not.
func (d *differ) list(path string, will, was []any) {
	for _, key := range []string{"name", "type", "key", "uid", "ip"} {
		x, ok := byName(will, key)
		if !ok {
			continue
		}
		if y, ok := byName(was, key); ok {
			found := len(d.fields)
			names := slices.AppendSeq(slices.Collect(maps.Keys(x)), maps.Keys(y))
			slices.Sort(names)
			for _, name := range slices.Compact(names) {
				d.value(path+"["+name+"]", x[name], y[name])
			}
			if len(d.fields) == found { // but they are not the same
				d.fields = append(d.fields, Field{Path: path, Was: "another order", Will: "this order"})
			}
			return
		}
	}
	if len(will) != len(was) {
		d.fields = append(d.fields, Field{Path: path, Was: d.text(path, was), Will: d.text(path, will)})
		return
	}
	for i := range will {
		d.value(fmt.Sprintf("%s[%d]", path, i), will[i], was[i])
	}
}

// byName has the elements of a list by a field that all have, and no two the same.
func byName(list []any, key string) (map[string]any, bool) {
	named := map[string]any{}
	for _, e := range list {
		m, _ := e.(map[string]any)
		name, ok := m[key].(string)
		if _, twice := named[name]; !ok || twice {
			return nil, false
		}
		named[name] = e
	}
	return named, true
}

// text is a value as JSON, "" if it is not there.
func (d *differ) text(path string, v any) string {
	if v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil { // not of what was decoded from JSON
		return "?"
	}
	if d.hide && isSecretPath(path) {
		return fmt.Sprintf("*** (%d bytes of JSON)", len(b))
	}
	return string(b)
}

// isSecretPath is true for what is secret in a Secret, and all that holds it.
func isSecretPath(path string) bool {
	for _, secret := range []string{"data", "stringData"} {
		if path == secret || strings.HasPrefix(path, secret+".") || strings.HasPrefix(path, secret+"[") {
			return true
		}
	}
	return slices.Contains([]string{"", "metadata", "metadata.annotations", "metadata.annotations[" + corev1.LastAppliedConfigAnnotation + "]"}, path)
}
