package undo

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/restmapper"
)

// errNotServed is returned for a version of a kind that the API server does not serve.
var errNotServed = errors.New("not served by the API server")

// Cluster is where the objects go to.
type Cluster struct {
	discovery discovery.DiscoveryInterface
	dynamic   dynamic.Interface
	mapper    meta.RESTMapper // of what is served
}

// NewCluster returns the cluster that two clients lead to.
func NewCluster(d discovery.DiscoveryInterface, client dynamic.Interface) *Cluster {
	return &Cluster{discovery: d, dynamic: client}
}

// learn asks the API server what it serves. A group whose own server does not answer is
// left out.
func (c *Cluster) learn() error {
	groups, err := restmapper.GetAPIGroupResources(c.discovery)
	if err != nil {
		return err
	}
	c.mapper = restmapper.NewDiscoveryRESTMapper(groups)
	return nil
}

// manager is who the API server writes down as the author of fields.
const manager = "kubectl-etcd-restore"

// client is for objects of a kind, in the version that gvk says.
func (c *Cluster) client(gvk schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	switch {
	case meta.IsNoMatchError(err), err == nil && mapping.GroupVersionKind.Version != gvk.Version:
		return nil, fmt.Errorf("%s: %w", gvk.GroupVersion().WithKind(gvk.Kind), errNotServed)
	case err != nil:
		return nil, err
	case mapping.Scope.Name() == meta.RESTScopeNameNamespace:
		return c.dynamic.Resource(mapping.Resource).Namespace(namespace), nil
	}
	return c.dynamic.Resource(mapping.Resource), nil
}

func (c *Cluster) of(o *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	return c.client(o.GroupVersionKind(), o.GetNamespace())
}

// get returns an object, nil if it is not there.
func (c *Cluster) get(ctx context.Context, gvk schema.GroupVersionKind, namespace, name string) (*unstructured.Unstructured, error) {
	for _, part := range []string{namespace, name} {
		if len(content.IsPathSegmentName(part)) > 0 {
			return nil, fmt.Errorf("%w: %q", errName, part)
		}
	}
	client, err := c.client(gvk, namespace)
	if errors.Is(err, errNotServed) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	o, err := client.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return o, err
}
