package kubeobject

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Owns reports whether the owner that an object in namespace refers to is there,
// and is the very one: another of the same name is not.
func (ix *Index) Owns(names *Names, namespace string, ref metav1.OwnerReference) bool {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return false
	}
	resource, ok := names.Stored(gv.WithKind(ref.Kind).GroupKind())
	if !ok {
		return false
	}
	for _, e := range ix.Find(resource, namespace, ref.Name) {
		if m, err := ix.Metadata(e); err == nil && m.UID == ref.UID {
			return true
		}
	}
	return false
}
