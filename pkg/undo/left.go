package undo

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// leftOut is why an object is not put back, "" if it is: somebody else makes it, or it
// would do harm.
func leftOut(o *unstructured.Unstructured) string {
	if o.GetDeletionTimestamp() != nil {
		return "it was being deleted then"
	}
	switch o.GroupVersionKind().GroupKind().String() {
	case "Event", "Event.events.k8s.io":
		return "an event tells of what was"
	case "Lease.coordination.k8s.io":
		return "its holder makes it again"
	case "Node", "CSINode.storage.k8s.io":
		return "a kubelet registers its node"
	case "CertificateSigningRequest.certificates.k8s.io":
		return "a request is made anew"
	case "Endpoints":
		if madeByController(o, "endpoints.kubernetes.io/managed-by") || o.GetAnnotations()[corev1.EndpointsLastChangeTriggerTime] != "" {
			return "made from its Service"
		}
	case "EndpointSlice.discovery.k8s.io":
		if madeByController(o, "endpointslice.kubernetes.io/managed-by") {
			return "made from its Service"
		}
	case "ConfigMap":
		if o.GetName() == "kube-root-ca.crt" {
			return "made for every namespace"
		}
	case "APIService.apiregistration.k8s.io":
		if o.GetLabels()["kube-aggregator.kubernetes.io/automanaged"] != "" {
			return "made by the API server"
		}
	case "Job.batch":
		if has(o, "Complete") || has(o, "Failed") {
			return "it has finished, and would run again"
		}
	case "Pod":
		if phase, _, _ := unstructured.NestedString(o.Object, "status", "phase"); phase == string(corev1.PodSucceeded) || phase == string(corev1.PodFailed) {
			return "it has finished, and would run again"
		}
		if o.GetAnnotations()[corev1.MirrorPodAnnotationKey] != "" {
			return "a kubelet makes it from its manifest"
		}
	}
	return ""
}

func madeByController(o *unstructured.Unstructured, label string) bool {
	return strings.Contains(o.GetLabels()[label], "-controller")
}

// has reports whether a condition of an object is true.
func has(o *unstructured.Unstructured, condition string) bool {
	conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range conditions {
		if m, _ := c.(map[string]any); m["type"] == condition && m["status"] == "True" {
			return true
		}
	}
	return false
}

// remade reports whether a living controller makes objects of a kind by itself. Others that
// have an owner, such as ReplicaSets, are its memory, and come back.
func remade(controller, kind string) bool {
	return kind == "Pod" || kind == "EndpointSlice" || kind == "Job" && controller == "CronJob"
}

// restarts reports whether an object is work that had not come to its end, and begins anew.
func restarts(o *unstructured.Unstructured) bool {
	policy, _, _ := unstructured.NestedString(o.Object, "spec", "restartPolicy")
	switch o.GroupVersionKind().GroupKind().String() {
	case "Job.batch":
		suspended, _, _ := unstructured.NestedBool(o.Object, "spec", "suspend")
		return !suspended
	case "Pod":
		return policy == string(corev1.RestartPolicyNever) || policy == string(corev1.RestartPolicyOnFailure)
	}
	return false
}
