package kubeobject

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Of a Secret nothing secret is left (I10), whatever the form of it.
func TestMask(t *testing.T) {
	t.Parallel()
	secret := func(more map[string]any) *unstructured.Unstructured {
		o := map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": "s"}}
		for k, v := range more {
			o[k] = v
		}
		return &unstructured.Unstructured{Object: o}
	}
	for name, tc := range map[string]struct{ give, want map[string]any }{
		"data":            {map[string]any{"data": map[string]any{"a": "c2VjcmV0", "b": ""}}, map[string]any{"data": map[string]any{"a": "*** (6 bytes)", "b": "*** (0 bytes)"}}},
		"not base64":      {map[string]any{"data": map[string]any{"a": "?secret!"}}, map[string]any{"data": map[string]any{"a": "*** (0 bytes)"}}},
		"stringData":      {map[string]any{"stringData": map[string]any{"a": "secret"}}, map[string]any{"stringData": map[string]any{"a": "*** (3 bytes)"}}},
		"of another type": {map[string]any{"data": map[string]any{"a": int64(7)}}, map[string]any{"data": map[string]any{"a": "*** (0 bytes)"}}},
		"of another form": {map[string]any{"data": []any{"secret"}}, map[string]any{}},
		"nothing to hide": {map[string]any{"type": "Opaque"}, map[string]any{"type": "Opaque"}},
		"nothing in it":   {map[string]any{"data": nil}, map[string]any{}},
		"a copy of kubectl": {
			map[string]any{"metadata": map[string]any{"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "secret", "a": "b"}}},
			map[string]any{"metadata": map[string]any{"annotations": map[string]any{"kubectl.kubernetes.io/last-applied-configuration": "***", "a": "b"}}},
		},
	} {
		o := secret(tc.give)
		Mask(o)
		if diff := cmp.Diff(secret(tc.want).Object, o.Object); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	other := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Secret", "data": map[string]any{"a": "b"}}}
	Mask(other)
	if other.Object["data"].(map[string]any)["a"] != "b" {
		t.Error("a kind of another group was masked")
	}
}
