package kubediff

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// restless are resources whose objects come, change and go all the time, in any cluster
// in which nothing happens.
func restless(r schema.GroupResource) bool {
	return slices.Contains([]schema.GroupResource{
		{Resource: "events"},
		{Group: "events.k8s.io", Resource: "events"},
		{Group: "coordination.k8s.io", Resource: "leases"},
		{Resource: "masterleases"},
		{Resource: "peerserverleases"},
	}, r)
}

// fidgets is true for resources of which some fields do so.
func fidgets(r schema.GroupResource) bool { return len(restlessFields(r)) > 0 }

// restlessFields are the beginnings and ends of their paths.
func restlessFields(r schema.GroupResource) [][2]string {
	const (
		trigger = "metadata.annotations[endpoints.kubernetes.io/last-change-trigger-time]"
		leader  = "metadata.annotations[control-plane.alpha.kubernetes.io/leader]"
	)
	switch r {
	case schema.GroupResource{Resource: "nodes"}:
		return [][2]string{{"status.conditions[", "].lastHeartbeatTime"}, {"status.images", ""}}
	case schema.GroupResource{Resource: "endpoints"}:
		return [][2]string{{trigger, ""}, {leader, ""}}
	case schema.GroupResource{Group: "discovery.k8s.io", Resource: "endpointslices"}:
		return [][2]string{{trigger, ""}}
	case schema.GroupResource{Resource: "configmaps"}:
		return [][2]string{{leader, ""}}
	}
	return nil
}

// onlyNoise is true if an object differs in nothing but these fields, or in what the API
// server keeps for itself.
func onlyNoise(r schema.GroupResource, fields []Field) bool {
	return !slices.ContainsFunc(fields, func(f Field) bool {
		return !slices.ContainsFunc(restlessFields(r), func(ends [2]string) bool {
			return strings.HasPrefix(f.Path, ends[0]) && strings.HasSuffix(f.Path, ends[1])
		})
	})
}

func services() schema.GroupResource { return schema.GroupResource{Resource: "services"} }

// isLoadBalancer is true for a Service that somebody outside of the cluster serves.
func isLoadBalancer(o *unstructured.Unstructured) bool {
	kind, _, _ := unstructured.NestedString(o.Object, "spec", "type") // what is no string is no type
	return kind == "LoadBalancer" && o.GetKind() == "Service"
}
