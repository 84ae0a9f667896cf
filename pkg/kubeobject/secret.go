package kubeobject

import (
	"encoding/base64"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// IsSecret reports whether o is a Secret.
func IsSecret(o *unstructured.Unstructured) bool {
	return o.GetAPIVersion() == "v1" && o.GetKind() == "Secret"
}

// Mask takes from a Secret what is secret in it (I10): the data, and the copy of
// them that kubectl apply leaves in an annotation. Other objects stay as they are.
// No API server accepts what is put in place of the data.
func Mask(o *unstructured.Unstructured) {
	if !IsSecret(o) {
		return
	}
	for _, field := range []string{"data", "stringData"} {
		value, found := o.Object[field]
		if !found {
			continue
		}
		data, ok := value.(map[string]any)
		if !ok {
			delete(o.Object, field)
			continue
		}
		for name, v := range data {
			s, _ := v.(string)
			plain, _ := base64.StdEncoding.DecodeString(s) // what is no base64 is 0 bytes of secret
			data[name] = fmt.Sprintf("*** (%d bytes)", len(plain))
		}
	}
	if annotations := o.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		annotations[corev1.LastAppliedConfigAnnotation] = "***"
		o.SetAnnotations(annotations)
	}
}
