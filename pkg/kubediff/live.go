package kubediff

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// Live is a cluster that is asked through its API server.
type Live struct {
	Discovery discovery.DiscoveryInterface
	Dynamic   dynamic.Interface
}

// page is how many objects are asked for at a time.
const page = 500

// Compare does what [Compare] does with the objects that an API server serves, a resource
// at a time. What may not be listed, or whose server does not answer, is in skipped, with
// the reason.
func (l Live) Compare(ctx context.Context, snapshot *kubeobject.Index, names *kubeobject.Names, o Options, visit func(Change) error) (skipped []error, err error) {
	served, skipped, err := l.served(ctx, names)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(served)
	for _, u := range snapshot.Usage {
		if _, found := all[u.Resource]; !found && !u.Foreign && !kubeobject.Unserved(u.Resource) {
			all[u.Resource] = nil
		}
	}
	resources := slices.SortedFunc(maps.Keys(all), func(a, b schema.GroupResource) int { return cmp.Compare(a.String(), b.String()) })
	for _, r := range resources {
		if restless(r) && !o.Noise {
			continue
		}
		c := liveComparison{Live: l, index: snapshot, resource: r, versions: all[r], Options: o}
		changes, err := c.compare(ctx)
		switch {
		case apierrors.IsForbidden(err), apierrors.IsMethodNotSupported(err), apierrors.IsServiceUnavailable(err):
			skipped = append(skipped, fmt.Errorf("%s: %w", r, err))
			continue
		case err != nil:
			return skipped, fmt.Errorf("%s: %w", r, err)
		}
		for _, change := range changes {
			if err := visit(change); err != nil {
				return skipped, err
			}
		}
	}
	return skipped, nil
}

// served are the versions of each resource that the API server keeps in its etcd, by
// where it keeps it, the preferred one first.
func (l Live) served(ctx context.Context, names *kubeobject.Names) (map[schema.GroupResource][]version, []error, error) {
	var skipped []error
	_, lists, err := l.Discovery.ServerGroupsAndResources()
	if failed := (*discovery.ErrGroupDiscoveryFailed)(nil); errors.As(err, &failed) {
		for gv, why := range failed.Groups {
			skipped = append(skipped, fmt.Errorf("%s: %w", gv, why))
		}
	} else if err != nil {
		return nil, nil, err
	}
	elsewhere, err := l.aggregated(ctx)
	if err != nil {
		return nil, nil, err
	}
	served := map[schema.GroupResource][]version{}
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil || elsewhere[gv] {
			continue
		}
		for _, r := range list.APIResources {
			if strings.Contains(r.Name, "/") || !slices.Contains(r.Verbs, "list") || !slices.Contains(r.Verbs, "create") {
				continue
			}
			stored, known := names.Stored(schema.GroupKind{Group: gv.Group, Kind: r.Kind})
			if !known {
				stored = schema.GroupResource{Group: gv.Group, Resource: r.Name}
			}
			served[stored] = append(served[stored], version{gv.WithResource(r.Name), gv.Group == stored.Group})
		}
	}
	for _, versions := range served { // events are served by two groups
		slices.SortStableFunc(versions, func(a, b version) int { return cmp.Compare(b.rank(), a.rank()) })
	}
	return served, skipped, nil
}

// version is one in which a resource is served.
type version struct {
	schema.GroupVersionResource
	stored bool // of the group in which it is kept in etcd
}

func (v version) rank() int {
	if v.stored {
		return 1
	}
	return 0
}

// aggregated are the versions that other servers serve, and keep elsewhere.
func (l Live) aggregated(ctx context.Context) (map[schema.GroupVersion]bool, error) {
	services, err := l.Dynamic.Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"}).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list APIServices: %w", err)
	}
	found := map[schema.GroupVersion]bool{}
	for _, o := range services.Items {
		if service, _, _ := unstructured.NestedMap(o.Object, "spec", "service"); service != nil {
			group, _, _ := unstructured.NestedString(o.Object, "spec", "group")
			v, _, _ := unstructured.NestedString(o.Object, "spec", "version")
			found[schema.GroupVersion{Group: group, Version: v}] = true
		}
	}
	return found, nil
}

// liveComparison is one of a resource.
type liveComparison struct {
	Live
	Options
	index    *kubeobject.Index
	resource schema.GroupResource
	versions []version // none: it is not served
}

// object is what names one of a resource.
type object struct{ namespace, name string }

func (c *liveComparison) compare(ctx context.Context) ([]Change, error) {
	left := map[object]kubeobject.Entry{}
	for e := range c.index.Of(c.resource) {
		if c.wants(e.Path) {
			left[object{e.Namespace, e.Name}] = e
		}
	}
	var changes []Change
	seen := map[object]bool{}
	err := c.list(ctx, func(o *unstructured.Unstructured) error {
		id := object{o.GetNamespace(), o.GetName()}
		path := kubeobject.Path{Resource: c.resource, Namespace: id.namespace, Name: id.name}
		if seen[id] || !c.wants(path) {
			return nil
		}
		seen[id] = true
		e, found := left[id]
		delete(left, id)
		if !found {
			changes = append(changes, Change{Op: Remove, Path: path, Noise: restless(c.resource), LoadBalancer: isLoadBalancer(o)})
			return nil
		}
		change, err := c.both(ctx, e, o)
		if change != nil {
			changes = append(changes, *change)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, e := range left {
		change, err := comparison{snapshot: c.index, Options: c.Options}.one(Restore, c.index, e)
		if err != nil {
			return nil, err
		}
		changes = append(changes, *change)
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return changes, nil
}

// both compares an object of both sides. The resource version of an object is the
// revision of its last change.
func (c *liveComparison) both(ctx context.Context, e kubeobject.Entry, was *unstructured.Unstructured) (*Change, error) {
	if was.GetResourceVersion() == strconv.FormatInt(e.Mod, 10) {
		return nil, nil
	}
	change := &Change{Op: Alter, Path: e.Path, Key: e.Key, Noise: restless(e.Resource)}
	will, err := c.index.Object(e)
	switch {
	case err != nil && !kubeobject.IsOfValue(err):
		return nil, err
	case err != nil:
		change.Err = err
		return change, nil
	}
	if will.GetAPIVersion() != was.GetAPIVersion() {
		if was, err = c.in(ctx, will.GetAPIVersion(), was); err != nil {
			change.Err = err
			return change, nil
		}
	}
	if change.compare(will, was, c.Options); len(Fields(will, was, true)) == 0 {
		return nil, nil
	}
	return change, nil
}

// in is an object in another version.
func (c *liveComparison) in(ctx context.Context, apiVersion string, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	for _, v := range c.versions {
		if v.GroupVersion().String() == apiVersion {
			return c.Dynamic.Resource(v.GroupVersionResource).Namespace(o.GetNamespace()).Get(ctx, o.GetName(), metav1.GetOptions{})
		}
	}
	return nil, fmt.Errorf("%s is not served any more", apiVersion)
}

// list visits all objects of the resource, a page at a time. If the list grows too old
// meanwhile it begins again, and visits again what it had.
func (c *liveComparison) list(ctx context.Context, visit func(*unstructured.Unstructured) error) error {
	if len(c.versions) == 0 {
		return nil
	}
	client := c.Dynamic.Resource(c.version().GroupVersionResource)
	for options := (metav1.ListOptions{Limit: page}); ; {
		list, err := client.List(ctx, options)
		if apierrors.IsResourceExpired(err) && options.Continue != "" {
			options = metav1.ListOptions{}
			continue
		}
		if apierrors.IsNotFound(err) { // the resource went away meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		for i := range list.Items {
			if err := visit(&list.Items[i]); err != nil {
				return err
			}
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

// version is the one to ask for: that in which the first object is stored.
func (c *liveComparison) version() version {
	for e := range c.index.Of(c.resource) {
		o, err := c.index.Object(e)
		if err != nil {
			break
		}
		for _, v := range c.versions {
			if v.GroupVersion().String() == o.GetAPIVersion() {
				return v
			}
		}
		break
	}
	return c.versions[0]
}
