package kubeobject

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// ForApply takes from an object what the API server owns, and what it would refuse
// in a new object, so that the object can be created again. An owner stays
// if owned says so.
func ForApply(o *unstructured.Unstructured, owned func(metav1.OwnerReference) bool) {
	uid := o.GetUID()
	for _, field := range []string{
		"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink",
		"deletionTimestamp", "deletionGracePeriodSeconds",
	} {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
	delete(o.Object, "status")
	keepOwners(o, owned)
	// What kubectl apply compares with, and makes anew.
	dropAnnotations(o, corev1.LastAppliedConfigAnnotation)
	switch (schema.GroupKind{Group: o.GroupVersionKind().Group, Kind: o.GetKind()}) {
	case schema.GroupKind{Kind: "Pod"}:
		podForApply(o)
	case schema.GroupKind{Group: "batch", Kind: "Job"}:
		jobForApply(o, uid)
	case schema.GroupKind{Kind: "Secret"}:
		// The token controller deletes a token of another account than the one that lives.
		dropAnnotations(o, corev1.ServiceAccountUIDKey)
	case schema.GroupKind{Kind: "PersistentVolumeClaim"}:
		// A claim that says it is bound, to a volume that says otherwise, is lost for
		// good; without these the controller binds the two when it can.
		dropAnnotations(o, "pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller")
	case schema.GroupKind{Kind: "PersistentVolume"}:
		// It stays reserved for the claim of this name, whatever UID that will have.
		unstructured.RemoveNestedField(o.Object, "spec", "claimRef", "uid")
		unstructured.RemoveNestedField(o.Object, "spec", "claimRef", "resourceVersion")
	}
}

// keepOwners drops the references to objects that are gone: the garbage collector
// would delete the new object for them.
func keepOwners(o *unstructured.Unstructured, owned func(metav1.OwnerReference) bool) {
	var kept []metav1.OwnerReference
	for _, ref := range o.GetOwnerReferences() {
		if owned(ref) {
			kept = append(kept, ref)
		}
	}
	if len(kept) == 0 {
		unstructured.RemoveNestedField(o.Object, "metadata", "ownerReferences")
		return
	}
	o.SetOwnerReferences(kept)
}

func dropAnnotations(o *unstructured.Unstructured, names ...string) {
	annotations := o.GetAnnotations()
	before := len(annotations)
	for _, name := range names {
		delete(annotations, name)
	}
	switch {
	case len(annotations) == before:
	case len(annotations) == 0:
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations")
	default:
		o.SetAnnotations(annotations)
	}
}

// podForApply lets the pod be scheduled again: its node may be gone, or full.
func podForApply(o *unstructured.Unstructured) {
	for _, field := range []string{
		"nodeName",
		"priority", "preemptionPolicy", // the API server fills them in from priorityClassName
		"ephemeralContainers", // refused in a new pod
	} {
		unstructured.RemoveNestedField(o.Object, "spec", field)
	}
}

// jobForApply drops the selector that the API server made of the UID of a job: it
// makes another one, and refuses both.
func jobForApply(o *unstructured.Unstructured, uid types.UID) {
	if manual, _, _ := unstructured.NestedBool(o.Object, "spec", "manualSelector"); manual {
		return
	}
	unstructured.RemoveNestedField(o.Object, "spec", "selector")
	for _, at := range [][]string{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
		labels, found, err := unstructured.NestedStringMap(o.Object, at...)
		if err != nil || !found {
			continue
		}
		maps.DeleteFunc(labels, func(name, value string) bool {
			return (name == "controller-uid" || name == "batch.kubernetes.io/controller-uid") && value == string(uid)
		})
		if len(labels) == 0 {
			unstructured.RemoveNestedField(o.Object, at...)
			continue
		}
		// Its parents are maps: the labels were read through them.
		_ = unstructured.SetNestedStringMap(o.Object, labels, at...)
	}
}
