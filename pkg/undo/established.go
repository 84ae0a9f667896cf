package undo

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	establishWait = 30 * time.Second
	establishPoll = 200 * time.Millisecond
)

// established waits until the kinds that CRDs define are served.
func (c *Cluster) established(ctx context.Context, crds []*Item) error {
	waiting, cancel := context.WithTimeout(ctx, establishWait)
	defer cancel()
	ticks := time.NewTicker(establishPoll)
	defer ticks.Stop()
	for _, i := range crds {
		for i.Done {
			ok, err := c.serves(ctx, i)
			if err != nil && !isAnswer(err) {
				return fmt.Errorf("%s: %w", i.Name, err)
			}
			if ok {
				break
			}
			select {
			case <-waiting.Done():
				if err := ctx.Err(); err != nil {
					return err
				}
				i.fail(fmt.Sprintf("it is there, and not served within %s", establishWait))
				i.Done = false
			case <-ticks.C:
			}
		}
	}
	return c.learn()
}

// serves reports whether the API server has taken a CRD into service, and tells so to
// those who ask what there is.
func (c *Cluster) serves(ctx context.Context, crd *Item) (bool, error) {
	live, err := c.get(ctx, crd.object.GroupVersionKind(), "", crd.Name)
	if err != nil || live == nil || !has(live, "Established") {
		return false, err
	}
	if err := c.learn(); err != nil {
		return false, err
	}
	for _, gvk := range defined(live) {
		if _, err := c.client(gvk, ""); err != nil {
			return false, err
		}
	}
	return true, nil
}

// defined are the kinds, version by version, that a CRD has served.
func defined(crd *unstructured.Unstructured) (kinds []schema.GroupVersionKind) {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		m, _ := v.(map[string]any)
		if name, _ := m["name"].(string); name != "" && m["served"] == true {
			kinds = append(kinds, schema.GroupVersionKind{Group: group, Version: name, Kind: kind})
		}
	}
	return kinds
}
