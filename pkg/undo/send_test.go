package undo

import (
	"errors"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func invalid(kind string, causes ...*field.Error) error {
	return apierrors.NewInvalid(schema.GroupKind{Kind: kind}, "web", causes)
}

// Only what somebody else has is dropped.
func TestAddresses(t *testing.T) {
	t.Parallel()
	spec := field.NewPath("spec")
	address := field.Invalid(spec.Child("clusterIPs"), "10.0.0.1", "failed to allocate IP 10.0.0.1: provided IP is already allocated")
	range_ := field.Invalid(spec.Child("clusterIPs"), "10.0.0.1", "failed to allocate IP 10.0.0.1: the provided IP is not in the valid range")
	port := field.Invalid(spec.Child("ports").Index(0).Child("nodePort"), 30000, "provided port is already allocated")
	for name, tc := range map[string]struct {
		err  error
		left string
	}{
		"the address":           {invalid("Service", address), "nodePort"},
		"of another range":      {invalid("Service", range_), "nodePort"},
		"the port":              {invalid("Service", port), "clusterIP clusterIPs"},
		"both":                  {invalid("Service", address, port), ""},
		"something else":        {invalid("Service", field.Required(spec.Child("ports"), "")), "clusterIP clusterIPs nodePort"},
		"no answer of a server": {errors.New("already allocated"), "clusterIP clusterIPs nodePort"},
	} {
		web := object("v1", "Service", nil, map[string]any{"spec": map[string]any{
			"clusterIP": "10.0.0.1", "clusterIPs": []any{"10.0.0.1"}, "ports": []any{map[string]any{"port": int64(80), "nodePort": int64(30000)}},
		}})
		dropped := dropAddress(web, tc.err)
		var left []string
		for _, f := range []string{"clusterIP", "clusterIPs"} {
			if _, found, _ := unstructured.NestedFieldNoCopy(web.Object, "spec", f); found {
				left = append(left, f)
			}
		}
		ports, _, _ := unstructured.NestedSlice(web.Object, "spec", "ports")
		if p, _ := ports[0].(map[string]any); p["nodePort"] != nil {
			left = append(left, "nodePort")
		}
		if got := strings.Join(left, " "); got != tc.left || dropped != (tc.left != "clusterIP clusterIPs nodePort") {
			t.Errorf("%s: %q is left, dropped %t", name, got, dropped)
		}
	}
}

// Invariant I10: an API server quotes the values that it refuses.
func TestReasonIsSilent(t *testing.T) {
	t.Parallel()
	got := reason(invalid("Job", field.Invalid(field.NewPath("spec", "template"), "hunter2", "field is immutable")))
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "spec.template (FieldValueInvalid)") {
		t.Errorf("%q", got)
	}
	if got := reason(errors.New(strings.Repeat("x", 10_000))); len(got) > 400 {
		t.Errorf("%d bytes", len(got))
	}
}
