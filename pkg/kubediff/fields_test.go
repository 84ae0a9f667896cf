package kubediff

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFields(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		will, was string
		want      []Field
	}{
		"the same":              {`{"a":{"b":[1,2]}}`, `{"a":{"b":[1,2]}}`, nil},
		"what the server keeps": {`{"metadata":{"resourceVersion":"1","generation":1,"managedFields":[1]}}`, `{"metadata":{"resourceVersion":"2","generation":3}}`, nil},
		"null is not there":     {`{"metadata":{"creationTimestamp":null}}`, `{"metadata":{}}`, nil},
		"a number":              {`{"spec":{"replicas":1}}`, `{"spec":{"replicas":2}}`, []Field{{"spec.replicas", "2", "1"}}},
		"a field more":          {`{"a":"x"}`, `{}`, []Field{{"a", "", `"x"`}}},
		"a field less":          {`{}`, `{"a":{"b":1}}`, []Field{{"a", `{"b":1}`, ""}}},
		"another kind of value": {`{"a":[1]}`, `{"a":{"b":1}}`, []Field{{"a", `{"b":1}`, `[1]`}}},
		"a name with dots":      {`{"metadata":{"labels":{"a.b/c":"1"}}}`, `{"metadata":{"labels":{"a.b/c":"2"}}}`, []Field{{"metadata.labels[a.b/c]", `"2"`, `"1"`}}},
		"a list with names": {
			`{"c":[{"name":"a","image":"x"},{"name":"b","image":"y"}]}`, `{"c":[{"name":"b","image":"z"},{"name":"c"}]}`,
			[]Field{{"c[a]", "", `{"image":"x","name":"a"}`}, {"c[b].image", `"z"`, `"y"`}, {"c[c]", `{"name":"c"}`, ""}},
		},
		"another order":              {`{"c":[{"name":"a"},{"name":"b"}]}`, `{"c":[{"name":"b"},{"name":"a"}]}`, []Field{{"c", "another order", "this order"}}},
		"a list with a name twice":   {`{"c":[{"name":"a","x":1},{"name":"a","x":2}]}`, `{"c":[{"name":"a","x":1},{"name":"a","x":3}]}`, []Field{{"c[1].x", "3", "2"}}},
		"a list of another length":   {`{"c":["a","b"]}`, `{"c":["a"]}`, []Field{{"c", `["a"]`, `["a","b"]`}}},
		"a list of the same length":  {`{"c":["a","b"]}`, `{"c":["a","c"]}`, []Field{{"c[1]", `"c"`, `"b"`}}},
		"elements that are no names": {`{"c":[{"name":1}]}`, `{"c":[{"name":2}]}`, []Field{{"c[0].name", "2", "1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, Fields(parsed(t, tc.will), parsed(t, tc.was), false)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSecretsAreNotTold has what is secret in every place where a Secret has it
// (invariant I10).
func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	secret := func(rest string) string { return `{"apiVersion":"v1","kind":"Secret",` + rest + `}` }
	const hush = "aHVzaA=="
	for _, rest := range []string{
		`"data":{"a":"` + hush + `"}`, `"data":{"a.b":"` + hush + `"}`, `"stringData":{"a":"` + hush + `"}`,
		`"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"` + hush + `"}}`,
	} {
		for _, other := range []string{secret(`"data":{}`), secret(`"data":{"a":"eA==","b":"` + hush + `"}`), secret(`"metadata":{"annotations":{}}`), `{}`} {
			for _, fields := range [][]Field{
				Fields(parsed(t, secret(rest)), parsed(t, other), false), Fields(parsed(t, other), parsed(t, secret(rest)), false),
			} {
				if text := fmt.Sprint(fields); strings.Contains(text, hush) || len(fields) == 0 {
					t.Errorf("%s and %s: %s", rest, other, text)
				}
			}
			if text := fmt.Sprint(Fields(parsed(t, secret(rest)), parsed(t, other), true)); !strings.Contains(text, hush) && !strings.Contains(other, hush) {
				t.Errorf("%s and %s: %s", rest, other, text)
			}
		}
	}
}

func TestNoise(t *testing.T) {
	t.Parallel()
	nodes, maps := schema.GroupResource{Resource: "nodes"}, schema.GroupResource{Resource: "configmaps"}
	beat := Field{Path: "status.conditions[Ready].lastHeartbeatTime"}
	for i, tc := range []struct {
		resource schema.GroupResource
		fields   []Field
		want     bool
	}{
		{nodes, []Field{beat}, true},
		{nodes, []Field{beat, {Path: "status.conditions[Ready].status"}}, false},
		{nodes, nil, true},
		{maps, []Field{beat}, false},
		{maps, []Field{{Path: "metadata.annotations[control-plane.alpha.kubernetes.io/leader]"}}, true},
		{maps, []Field{{Path: "data.a"}}, false},
	} {
		if got := onlyNoise(tc.resource, tc.fields); got != tc.want {
			t.Errorf("%d: %t", i, got)
		}
	}
}
