package undo

import (
	"errors"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// dropAddress takes from a Service the address or the ports that err, the API server's,
// says cannot be had: they are somebody else's now, or of another cluster's range. It
// reports whether there was anything to drop.
func dropAddress(o *unstructured.Unstructured, err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || o.GetKind() != "Service" || status.Status().Details == nil {
		return false
	}
	dropped := false
	for _, cause := range status.Status().Details.Causes {
		taken := strings.Contains(cause.Message, "already allocated") || strings.Contains(cause.Message, "not in the valid range")
		switch {
		case !taken:
		case strings.Contains(strings.ToLower(cause.Field), "clusterip"):
			dropped = dropFields(o, "clusterIP", "clusterIPs") || dropped
		case strings.Contains(cause.Field, "healthCheckNodePort"):
			dropped = dropFields(o, "healthCheckNodePort") || dropped
		case strings.Contains(cause.Field, "nodePort"):
			dropped = dropNodePorts(o) || dropped
		}
	}
	return dropped
}

func dropFields(o *unstructured.Unstructured, fields ...string) bool {
	spec, _ := o.Object["spec"].(map[string]any)
	before := len(spec)
	for _, f := range fields {
		delete(spec, f)
	}
	return len(spec) < before
}

func dropNodePorts(o *unstructured.Unstructured) (dropped bool) {
	spec, _ := o.Object["spec"].(map[string]any)
	ports, _ := spec["ports"].([]any)
	for _, p := range ports {
		if port, _ := p.(map[string]any); port["nodePort"] != nil {
			delete(port, "nodePort")
			dropped = true
		}
	}
	return dropped
}
