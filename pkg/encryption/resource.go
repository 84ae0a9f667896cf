package encryption

import "strings"

const wildcard = "*"

// groupResource is a resource, or with "*" a wildcard for several.
type groupResource struct{ group, resource string }

// everything is "*.*".
func everything() groupResource { return groupResource{group: wildcard, resource: wildcard} }

// parseResource reads "secrets", "deployments.apps", "*.apps", "*." (schema.ParseGroupResource
// of k8s.io/apimachinery).
func parseResource(s string) groupResource {
	resource, group, _ := strings.Cut(s, ".")
	return groupResource{group: group, resource: resource}
}

func (gr groupResource) String() string {
	if gr.group == "" && gr.resource != wildcard {
		return gr.resource
	}
	return gr.resource + "." + gr.group
}
