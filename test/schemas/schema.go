package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// schema is as much of JSON Schema as results need.
type schema struct {
	Draft       string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        any                `json:"type,omitempty"` // a name, or several
	Format      string             `json:"format,omitempty"`
	Const       string             `json:"const,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Values      *schema            `json:"additionalProperties,omitempty"` // of a map
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"`
	Defs        map[string]*schema `json:"$defs,omitempty"`
}

// maker makes schemas of Go types, by the rules of encoding/json.
type maker struct {
	said comments
	defs map[string]*schema
}

// newSchema describes a result. Fields that it does not name are allowed: a later version
// may add some.
func newSchema(title string, result any, said comments) *schema {
	m := &maker{said, map[string]*schema{}}
	s := m.object(reflect.TypeOf(result))
	s.Draft, s.Title, s.Defs = "https://json-schema.org/draft/2020-12/schema", title, m.defs
	return s
}

// evidence is revision.Evidence as it is written.
type evidence struct {
	Source   string            `json:"source"`
	Revision int64             `json:"revision"`
	MemberID string            `json:"memberID,omitempty"` // hexadecimal
	Voters   map[string]string `json:"voters,omitempty"`   // names by ID, hexadecimal
}

func (m *maker) of(t reflect.Type) *schema {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &schema{Type: "string", Format: "date-time"}
	case reflect.TypeFor[revision.Evidence]():
		t = reflect.TypeFor[evidence]()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Marshaler]()) {
		panic(fmt.Sprintf("%s makes its JSON itself: say here what it makes", t))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.of(t.Elem())
	case reflect.Struct:
		return m.reference(t)
	case reflect.Slice:
		return &schema{Type: "array", Items: m.of(t.Elem())}
	case reflect.Map:
		return &schema{Type: "object", Values: m.of(t.Elem())}
	case reflect.String:
		return &schema{Type: "string"}
	case reflect.Bool:
		return &schema{Type: "boolean"}
	case reflect.Float64:
		return &schema{Type: "number"}
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint32, reflect.Uint64:
		return &schema{Type: "integer"}
	default:
		panic(fmt.Sprintf("%s: say here what encoding/json makes of it", t))
	}
}

// reference describes a struct that has a name once.
func (m *maker) reference(t reflect.Type) *schema {
	if t.Name() == "" {
		return m.object(t)
	}
	name := strings.TrimPrefix(t.String(), "main.")
	if m.defs[name] == nil {
		s := &schema{}
		m.defs[name] = s // before its fields: one may lead back to it
		*s = *m.object(t)
	}
	return &schema{Ref: "#/$defs/" + name}
}

func (m *maker) object(t reflect.Type) *schema {
	s := &schema{Type: "object", Description: m.said.ofType(t), Properties: map[string]*schema{}}
	for _, f := range fields(t) {
		if s.Properties[f.name] != nil {
			continue // hidden by one that is less deep
		}
		p := m.of(f.field.Type)
		if !f.omitted {
			p = orNull(f.field.Type, p)
		}
		p.Description = m.said.ofField(f.owner, f.field.Name)
		s.Properties[f.name] = p
		if !f.omitted && !f.absent {
			s.Required = append(s.Required, f.name)
		}
	}
	slices.Sort(s.Required)
	return s
}

// orNull allows null for what nil is written as.
func orNull(t reflect.Type, s *schema) *schema {
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		s.Type = []any{s.Type, "null"}
	case reflect.Pointer:
		return &schema{AnyOf: []*schema{s, {Type: "null"}}}
	}
	return s
}

// field is a field of a struct, or of one that is embedded in it.
type field struct {
	name    string // in JSON
	field   reflect.StructField
	owner   reflect.Type
	omitted bool // when it is empty
	absent  bool // when the struct that it is in is
}

// fields are those that encoding/json writes, the less deep first.
func fields(t reflect.Type) (list []field) {
	type level struct {
		t      reflect.Type
		absent bool
	}
	for now := []level{{t, false}}; len(now) > 0; {
		var below []level
		for _, l := range now {
			for i := range l.t.NumField() {
				f := l.t.Field(i)
				name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
				switch {
				case f.Anonymous && name == "" && f.Type.Kind() == reflect.Pointer:
					below = append(below, level{f.Type.Elem(), true})
				case f.Anonymous && name == "":
					below = append(below, level{f.Type, l.absent})
				case f.IsExported() && name != "-":
					if name == "" {
						name = f.Name
					}
					list = append(list, field{name, f, l.t, strings.HasPrefix(options, "omit"), l.absent})
				}
			}
		}
		now = below
	}
	return list
}
