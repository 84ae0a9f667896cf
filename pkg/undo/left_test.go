package undo

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// object makes one with metadata and what else there is.
func object(version, kind string, metadata map[string]any, more ...map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": version, "kind": kind, "metadata": metadata}}
	for _, m := range more {
		for k, v := range m {
			o.Object[k] = v
		}
	}
	return o
}

func TestLeftOut(t *testing.T) {
	t.Parallel()
	named := func(name string) map[string]any { return map[string]any{"name": name} }
	labels := func(l map[string]any) map[string]any { return map[string]any{"name": "x", "labels": l} }
	condition := func(what, status string) map[string]any {
		return map[string]any{"status": map[string]any{"conditions": []any{map[string]any{"type": what, "status": status}}}}
	}
	phase := func(p string) map[string]any { return map[string]any{"status": map[string]any{"phase": p}} }
	for name, tc := range map[string]struct {
		o    *unstructured.Unstructured
		left bool
	}{
		"event":                  {object("v1", "Event", named("x")), true},
		"lease":                  {object("coordination.k8s.io/v1", "Lease", named("x")), true},
		"node":                   {object("v1", "Node", named("x")), true},
		"root certificate":       {object("v1", "ConfigMap", named("kube-root-ca.crt")), true},
		"other ConfigMap":        {object("v1", "ConfigMap", named("x")), false},
		"slice of a controller":  {object("discovery.k8s.io/v1", "EndpointSlice", labels(map[string]any{"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"})), true},
		"slice of a person":      {object("discovery.k8s.io/v1", "EndpointSlice", labels(map[string]any{"endpointslice.kubernetes.io/managed-by": "me"})), false},
		"endpoints of a person":  {object("v1", "Endpoints", named("x")), false},
		"job that has finished":  {object("batch/v1", "Job", named("x"), condition("Complete", "True")), true},
		"job that has failed":    {object("batch/v1", "Job", named("x"), condition("Failed", "True")), true},
		"job that runs":          {object("batch/v1", "Job", named("x"), condition("Complete", "False")), false},
		"pod that has finished":  {object("v1", "Pod", named("x"), phase("Succeeded")), true},
		"pod that runs":          {object("v1", "Pod", named("x"), phase("Running")), false},
		"mirror of a static pod": {object("v1", "Pod", map[string]any{"name": "x", "annotations": map[string]any{"kubernetes.io/config.mirror": "y"}}), true},
		"was being deleted":      {object("v1", "ConfigMap", map[string]any{"name": "x", "deletionTimestamp": "2026-01-02T00:00:00Z"}), true},
		"a Job of somebody else": {object("example.com/v1", "Job", named("x"), condition("Complete", "True")), false},
	} {
		if got := leftOut(tc.o); (got != "") != tc.left {
			t.Errorf("%s: %q", name, got)
		}
	}
}
