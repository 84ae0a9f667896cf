package apiserver

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Helpers selects the pods in which this program works on nodes for somebody elsewhere.
const Helpers = "app.kubernetes.io/name=etcd-restore,app.kubernetes.io/component=helper"

// RemoveHelpers deletes those that were made before a moment.
func (c *Client) RemoveHelpers(ctx context.Context, before time.Time) error {
	pods, err := c.Labelled(ctx, Helpers)
	if err != nil {
		return err
	}
	now := int64(0)
	for _, p := range pods {
		if !p.Created.Before(before) {
			continue
		}
		request, cancel := c.short(ctx)
		err := c.kube.CoreV1().Pods(p.Namespace).Delete(request, p.Name, metav1.DeleteOptions{GracePeriodSeconds: &now})
		cancel()
		if err != nil && !apierrors.IsNotFound(err) { // another node was faster
			return c.explain(ctx, "helper pod "+p.Name, err)
		}
	}
	return nil
}
