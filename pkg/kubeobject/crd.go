package kubeobject

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// customKind reads the names in a CustomResourceDefinition of any version.
func customKind(crd map[string]any) (Kind, bool) {
	text := func(fields ...string) string {
		s, _, _ := unstructured.NestedString(crd, fields...) // what is no string is no name
		return s
	}
	short, _, _ := unstructured.NestedStringSlice(crd, "spec", "names", "shortNames")
	k := Kind{
		Group:    text("spec", "group"),
		Kind:     text("spec", "names", "kind"),
		Plural:   text("spec", "names", "plural"),
		Singular: text("spec", "names", "singular"),
		Short:    short,
		Custom:   true,
	}
	k.Resource = schema.GroupResource{Group: k.Group, Resource: k.Plural}
	return k, !slices.Contains([]string{k.Group, k.Kind, k.Plural}, "")
}
