package undo

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// send has the API server create or replace the object of an item. A dry run changes
// nothing (https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run).
func (c *Cluster) send(ctx context.Context, i *Item, dry bool) error {
	err := c.sendAs(ctx, i, dry)
	for err != nil && i.Action == Create && dropAddress(i.object, err) {
		i.note("its address or port is somebody else's now: it gets another")
		err = c.sendAs(ctx, i, dry)
	}
	return err
}

func (c *Cluster) sendAs(ctx context.Context, i *Item, dry bool) error {
	var modes []string
	if dry {
		modes = []string{metav1.DryRunAll}
	}
	client, err := c.of(i.object)
	if err != nil {
		return err
	}
	if i.Action == Replace {
		patch, err := i.patch()
		if err != nil {
			return err
		}
		_, err = client.Patch(ctx, i.Name, types.MergePatchType, patch, metav1.PatchOptions{DryRun: modes, FieldManager: manager})
		return err
	}
	o := i.object.DeepCopy()
	if refs := i.references(dry); len(refs) > 0 {
		o.SetOwnerReferences(refs)
	}
	if i.volume != nil {
		if err := c.release(ctx, *i.volume, modes); err != nil {
			return err
		}
	}
	made, err := client.Create(ctx, o, metav1.CreateOptions{DryRun: modes, FieldManager: manager})
	if err == nil && !dry {
		i.is = made.GetUID()
	}
	return err
}
