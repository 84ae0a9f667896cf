package pod

import (
	"context"
	"errors"
	"regexp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// ours is the form of the names of helper pods.
var ours = regexp.MustCompile(`^` + prefix + `[0-9a-f]{10}$`)

// Swept is a helper pod that was deleted.
type Swept struct {
	Name string `json:"name"`
	Node string `json:"node"`
}

// Sweep deletes the helper pods that somebody else has left: those with our labels and
// such a name that belong to nobody. One that is in use now is among them, and its user
// makes another.
func (c *Cluster) Sweep(ctx context.Context) ([]Swept, error) {
	request, cancel := short(ctx)
	defer cancel()
	list, err := c.kube.CoreV1().Pods(namespace).List(request, metav1.ListOptions{
		LabelSelector: labels.Set{labelName: ourName, labelComponent: helper}.String(),
	})
	if err != nil {
		return nil, c.explain(ctx, "list pods", err)
	}
	return c.sweep(list.Items)
}

func (c *Cluster) sweep(pods []corev1.Pod) ([]Swept, error) {
	var swept []Swept
	var errs []error
	for i := range pods {
		p := &pods[i]
		if !c.isLeft(p) {
			continue
		}
		if err := c.delete(p.Name, p.UID); err != nil {
			errs = append(errs, err)
			continue
		}
		swept = append(swept, Swept{p.Name, p.Spec.NodeName})
	}
	return swept, errors.Join(errs...)
}

// isLeft reports whether a pod is a helper that is not of this process.
func (c *Cluster) isLeft(p *corev1.Pod) bool {
	return p.Labels[labelName] == ourName && p.Labels[labelComponent] == helper && p.Labels[labelInstance] != c.session &&
		ours.MatchString(p.Name) && len(p.OwnerReferences) == 0 && p.DeletionTimestamp == nil
}

// sweepDead deletes helpers that have come to their end and were left all the same. One
// that was there when a snapshot was taken comes back with that snapshot. That they cannot
// be deleted is no reason not to go on.
func (c *Cluster) sweepDead(pods []corev1.Pod) {
	var dead []corev1.Pod
	for _, p := range pods {
		if p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded {
			dead = append(dead, p)
		}
	}
	_, _ = c.sweep(dead)
}
