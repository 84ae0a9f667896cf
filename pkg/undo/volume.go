package undo

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// volume is a PersistentVolume that still waits for a claim that is gone. It does not
// take a new one of the same name, as that has another UID, until it is told to.
type volume struct{ name, version string }

// findVolume sees what has become of the volume of a claim, unless it comes back, too.
func (c *Cluster) findVolume(ctx context.Context, i *Item, items []*Item) error {
	name, _, _ := unstructured.NestedString(i.object.Object, "spec", "volumeName")
	if name == "" || slices.ContainsFunc(items, func(o *Item) bool {
		return o.Resource == (schema.GroupResource{Resource: "persistentvolumes"}) && o.Name == name && o.live == nil && o.puts()
	}) {
		return nil
	}
	live, err := c.get(ctx, corev1.SchemeGroupVersion.WithKind("PersistentVolume"), "", name)
	switch {
	case err != nil && isAnswer(err):
		i.note("its volume " + name + " could not be looked at: " + reason(err))
		return nil
	case err != nil:
		return err
	case live == nil:
		unstructured.RemoveNestedField(i.object.Object, "spec", "volumeName")
		i.note("its volume " + name + " is gone: it gets a new, empty one")
		return nil
	}
	claim, bound, _ := unstructured.NestedMap(live.Object, "spec", "claimRef")
	phase, _, _ := unstructured.NestedString(live.Object, "status", "phase")
	policy, _, _ := unstructured.NestedString(live.Object, "spec", "persistentVolumeReclaimPolicy")
	released := phase == string(corev1.VolumeReleased) || phase == string(corev1.VolumeFailed)
	switch {
	case live.GetDeletionTimestamp() != nil || released && policy != string(corev1.PersistentVolumeReclaimRetain):
		i.fail("its volume " + name + " is just being deleted: wait until it is gone, or make its reclaim policy Retain first, if that is not too late")
	case !bound:
	case claim["namespace"] != i.Namespace || claim["name"] != i.Name:
		i.fail("its volume " + name + " belongs to another claim now")
	case claim["uid"] == nil:
	default:
		i.volume = &volume{name, live.GetResourceVersion()}
		i.note("its volume " + name + " is kept, and bound to it again")
	}
	return nil
}

// release lets a volume bind to the claim of the name that it is reserved for, whatever
// its UID.
func (c *Cluster) release(ctx context.Context, v volume, dry []string) error {
	client, err := c.client(corev1.SchemeGroupVersion.WithKind("PersistentVolume"), "")
	if err != nil {
		return err
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": v.version},
		"spec":     map[string]any{"claimRef": map[string]any{"uid": nil, "resourceVersion": nil}},
	})
	if err != nil {
		return err
	}
	_, err = client.Patch(ctx, v.name, types.MergePatchType, patch, metav1.PatchOptions{DryRun: dry, FieldManager: manager})
	if apierrors.IsConflict(err) {
		return errors.Join(errors.New("the volume "+v.name+" has changed meanwhile"), err)
	}
	return err
}
