package undo

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// step is the turn in which objects of a resource are created.
type step int

const (
	definitions step = iota // kinds of objects
	namespaces              // and volumes
	accounts                // before their tokens
	settings                // what others read or are bound by
	services                // before their pods, whose environment has them; and bindings of roles
	custom                  // before what their operators would make
	workloads
	guards // webhooks and the like, which would judge all that comes after them
)

// stepOf follows the order in which Helm installs
// (helm.sh/helm, pkg/releaseutil/kind_sorter.go).
func stepOf(r schema.GroupResource, isCustom bool) step {
	switch r.String() {
	case "customresourcedefinitions.apiextensions.k8s.io":
		return definitions
	case "namespaces", "persistentvolumes":
		return namespaces
	case "serviceaccounts":
		return accounts
	case "services", "rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io":
		return services
	case "pods", "replicationcontrollers":
		return workloads
	}
	switch r.Group {
	case "apps", "batch":
		return workloads
	case "autoscaling", "admissionregistration.k8s.io", "apiregistration.k8s.io":
		return guards
	}
	if isCustom {
		return custom
	}
	return settings
}

// sort puts the items in the order of their steps, owners before what they own.
func sort(items []*Item) []*Item {
	slices.SortStableFunc(items, func(a, b *Item) int {
		return cmp.Or(cmp.Compare(a.step, b.step), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Resource.String(), b.Resource.String()), cmp.Compare(a.Name, b.Name))
	})
	sorted := make([]*Item, 0, len(items))
	placed := map[*Item]bool{}
	var place func(*Item)
	place = func(i *Item) {
		if placed[i] {
			return
		}
		placed[i] = true // first: owners may go round in a circle
		for _, o := range i.owners {
			if o.item != nil {
				place(o.item)
				i.step = max(i.step, o.item.step)
			}
		}
		sorted = append(sorted, i)
	}
	for _, i := range items {
		place(i)
	}
	slices.SortStableFunc(sorted, func(a, b *Item) int { return cmp.Compare(a.step, b.step) })
	return sorted
}
