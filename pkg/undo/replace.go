package undo

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"

	"github.com/etcd-restore/etcd-restore/pkg/kubediff"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// asNew makes of an object what can be created.
func asNew(o *unstructured.Unstructured) {
	applied, found := o.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
	kubeobject.ForApply(o, func(metav1.OwnerReference) bool { return false })
	if found { // or the next kubectl apply could not tell what was left out since
		annotations := o.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[corev1.LastAppliedConfigAnnotation] = applied
		o.SetAnnotations(annotations)
	}
	if isToken(o) { // of an account that has another UID now: a controller makes a new one
		delete(o.Object, "data")
	}
}

func isToken(o *unstructured.Unstructured) bool {
	kind, _, _ := unstructured.NestedString(o.Object, "type")
	return kubeobject.IsSecret(o) && kind == string(corev1.SecretTypeServiceAccountToken)
}

// compared is the part of an object that is compared, and replaced: what a person writes.
// That a claim has a volume, and which, and what address a Service got, are facts of the
// living cluster.
func compared(o *unstructured.Unstructured) *unstructured.Unstructured {
	o = o.DeepCopy()
	asNew(o)
	unstructured.RemoveNestedField(o.Object, "metadata", "annotations", corev1.LastAppliedConfigAnnotation)
	if annotations := o.GetAnnotations(); annotations != nil && len(annotations) == 0 {
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations")
	}
	for _, field := range map[string][]string{
		"PersistentVolume":      {"claimRef"},
		"PersistentVolumeClaim": {"volumeName"},
		"Service":               {"clusterIP", "clusterIPs", "healthCheckNodePort"},
	}[o.GetKind()] {
		unstructured.RemoveNestedField(o.Object, "spec", field)
	}
	return o
}

// differs are the fields in which a living object differs from what it was.
func (i *Item) differs() (fields []string) {
	if i.live.GetUID() == i.was && i.live.GetResourceVersion() == i.mod {
		return nil
	}
	for _, f := range kubediff.Fields(compared(i.object), compared(i.live), false) {
		fields = append(fields, f.Path)
	}
	return fields
}

// patch is a JSON merge patch that makes of the living object what it was, in what is
// compared and nothing else. It is refused if that has changed since we looked.
func (i *Item) patch() ([]byte, error) {
	was, err := compared(i.live).MarshalJSON()
	if err != nil {
		return nil, err
	}
	will, err := compared(i.object).MarshalJSON()
	if err != nil {
		return nil, err
	}
	text, err := jsonmergepatch.CreateThreeWayJSONMergePatch(was, will, was)
	if err != nil {
		return nil, err
	}
	patch := map[string]any{}
	if err := json.Unmarshal(text, &patch); err != nil {
		return nil, err
	}
	for field, value := range map[string]string{"uid": string(i.live.GetUID()), "resourceVersion": i.live.GetResourceVersion()} {
		if err := unstructured.SetNestedField(patch, value, "metadata", field); err != nil {
			return nil, err
		}
	}
	return json.Marshal(patch)
}
