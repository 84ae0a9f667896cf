package kubeobject

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Kind is a kind of objects with the names that people call it by.
type Kind struct {
	Resource schema.GroupResource // as keys say it
	Group    string               // as people say it; of built-in kinds some have several
	Kind     string
	Plural   string
	Singular string
	Short    []string
	Custom   bool // a CRD defines it
}

// builtinKinds are those of client-go's scheme, and the two that API servers
// have beside them.
func builtinKinds() []Kind {
	groups, short := builtinGroups(), shortNames()
	var kinds []Kind
	seen := map[schema.GroupKind]bool{}
	for gvk, plural := range storable() {
		if seen[gvk.GroupKind()] {
			continue
		}
		seen[gvk.GroupKind()] = true
		kinds = append(kinds, Kind{
			Resource: schema.GroupResource{Group: groups[plural], Resource: plural},
			Group:    gvk.Group, Kind: gvk.Kind, Plural: plural, Singular: strings.ToLower(gvk.Kind), Short: short[plural],
		})
	}
	for group, kind := range map[string]string{"apiextensions.k8s.io": "CustomResourceDefinition", "apiregistration.k8s.io": "APIService"} {
		plural := strings.ToLower(kind) + "s"
		kinds = append(kinds, Kind{
			Resource: schema.GroupResource{Group: group, Resource: plural},
			Group:    group, Kind: kind, Plural: plural, Singular: strings.ToLower(kind), Short: short[plural],
		})
	}
	slices.SortFunc(kinds, func(a, b Kind) int {
		return strings.Compare(a.Plural+"."+a.Group, b.Plural+"."+b.Group)
	})
	return kinds
}

// storable are the kinds of client-go's scheme that have metadata, with their plurals.
func storable() map[schema.GroupVersionKind]string {
	object := reflect.TypeFor[metav1.Object]()
	kinds := map[schema.GroupVersionKind]string{}
	for gvk, typ := range scheme.Scheme.AllKnownTypes() {
		if reflect.PointerTo(typ).Implements(object) && gvk.Version != "__internal" {
			plural, _ := meta.UnsafeGuessKindToResource(gvk)
			kinds[gvk] = plural.Resource
		}
	}
	return kinds
}

// builtinGroups are the groups of the built-in resources, which their keys do not name.
// Of several it is the one that an API server of today stores the resource in.
func builtinGroups() map[string]string {
	groups := map[string]string{}
	for gvk, plural := range storable() {
		group, found := groups[plural]
		if !found || rank(gvk.Group) < rank(group) || rank(gvk.Group) == rank(group) && gvk.Group < group {
			groups[plural] = gvk.Group
		}
	}
	return groups
}

// rank orders groups that have the same resource.
func rank(group string) int {
	switch group {
	case "": // events
		return 0
	case "extensions": // all of it has moved elsewhere
		return 2
	}
	return 1
}

// shortNames are those of kubectl for built-in resources; discovery tells them to it,
// and nothing in an etcd does.
func shortNames() map[string][]string {
	return map[string][]string{
		"certificatesigningrequests": {"csr"},
		"componentstatuses":          {"cs"},
		"configmaps":                 {"cm"},
		"cronjobs":                   {"cj"},
		"customresourcedefinitions":  {"crd", "crds"},
		"daemonsets":                 {"ds"},
		"deployments":                {"deploy"},
		"endpoints":                  {"ep"},
		"events":                     {"ev"},
		"horizontalpodautoscalers":   {"hpa"},
		"ingresses":                  {"ing"},
		"ipaddresses":                {"ip"},
		"limitranges":                {"limits"},
		"namespaces":                 {"ns"},
		"networkpolicies":            {"netpol"},
		"nodes":                      {"no"},
		"persistentvolumeclaims":     {"pvc"},
		"persistentvolumes":          {"pv"},
		"poddisruptionbudgets":       {"pdb"},
		"podsecuritypolicies":        {"psp"},
		"pods":                       {"po"},
		"priorityclasses":            {"pc"},
		"replicasets":                {"rs"},
		"replicationcontrollers":     {"rc"},
		"resourcequotas":             {"quota"},
		"serviceaccounts":            {"sa"},
		"services":                   {"svc"},
		"statefulsets":               {"sts"},
		"storageclasses":             {"sc"},
		"volumeattributesclasses":    {"vac"},
	}
}
