package pod

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// names is how many names are tried: one that is taken is not ours, whatever it is.
const names = 5

// start makes a helper pod on a node and waits until it runs. What does not start is
// deleted.
func (c *Cluster) start(ctx context.Context, t Target, o Options) (*corev1.Pod, error) {
	p, err := c.create(ctx, t, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.Name, err)
	}
	if err := c.await(ctx, p, o.patience()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", t.Name, err), c.delete(p.Name, p.UID))
	}
	return p, nil
}

func (c *Cluster) create(ctx context.Context, t Target, o Options) (*corev1.Pod, error) {
	var err error
	for range names {
		request, cancel := short(ctx)
		var p *corev1.Pod
		p, err = c.kube.CoreV1().Pods(namespace).Create(request, c.helper(t, o), metav1.CreateOptions{})
		cancel()
		if err == nil {
			return p, nil
		}
		if !apierrors.IsAlreadyExists(err) {
			break
		}
	}
	return nil, c.explain(ctx, "create pods", err)
}

// await waits until a pod runs, or will not.
func (c *Cluster) await(ctx context.Context, p *corev1.Pod, patience time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		now, err := c.get(limited, p.Name, p.UID)
		if err == nil {
			if isRunning(now) {
				return nil
			}
			err = trouble(now)
		}
		if err != nil && limited.Err() == nil {
			return err
		}
		select {
		case <-tick.C:
			continue
		case <-limited.Done():
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		return c.stuck(ctx, p, patience)
	}
}

// get returns a pod, if it still is the one with that UID.
func (c *Cluster) get(ctx context.Context, name string, uid types.UID) (*corev1.Pod, error) {
	request, cancel := short(ctx)
	defer cancel()
	p, err := c.kube.CoreV1().Pods(namespace).Get(request, name, metav1.GetOptions{})
	if err != nil {
		return nil, c.explain(ctx, "get pods", err)
	}
	if p.UID != uid {
		return nil, fmt.Errorf("%w: %s is not the one that was made: somebody has taken its place", errGone, name)
	}
	return p, nil
}

// errGone is returned for a helper pod that is no more.
var errGone = errors.New("the helper pod is gone")

func isRunning(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning &&
		len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].State.Running != nil
}

// trouble is what will not pass by itself, nil for nothing of the kind.
func trouble(p *corev1.Pod) error {
	if p.DeletionTimestamp != nil {
		return fmt.Errorf("%w: somebody has deleted it", errGone)
	}
	image := p.Spec.Containers[0].Image
	const other = "name another that is on all control-plane nodes and holds sh, cat and chmod: --helper-image IMAGE; see them with: crictl images"
	for _, s := range p.Status.ContainerStatuses {
		reason, message := "", ""
		if s.State.Waiting != nil {
			reason, message = s.State.Waiting.Reason, s.State.Waiting.Message
		} else if s.State.Terminated != nil {
			reason, message = s.State.Terminated.Reason, s.State.Terminated.Message
		}
		switch reason {
		case "ErrImageNeverPull", "ErrImagePull", "ImagePullBackOff", "ImageInspectError", "InvalidImageName":
			return hint.New(fmt.Errorf("%w: %s: %s", ErrImage, image, cmp.Or(message, reason)), other)
		case "RunContainerError", "StartError", "ContainerCannotRun", "CreateContainerError":
			if strings.Contains(message, "not found") || strings.Contains(message, "no such file") {
				return hint.New(fmt.Errorf("%w: %s: %s", ErrImage, image, message), other)
			}
			return hint.New(fmt.Errorf("%w: %s: %s", ErrNotStarted, reason, message), "look at it: kubectl -n %s describe pod %s", namespace, p.Name)
		}
	}
	if p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded {
		return fmt.Errorf("%w: it has ended: %s", ErrNotStarted, cmp.Or(strings.TrimSpace(p.Status.Reason+" "+p.Status.Message), string(p.Status.Phase)))
	}
	return nil
}

// stuck tells what the cluster says of a pod that does not start.
func (c *Cluster) stuck(ctx context.Context, p *corev1.Pod, patience time.Duration) error {
	why := c.events(ctx, p)
	if now, err := c.get(ctx, p.Name, p.UID); err == nil {
		if now.Status.StartTime == nil {
			why = append(why, "the kubelet has not taken notice of it")
		}
		for _, s := range now.Status.ContainerStatuses {
			if s.State.Waiting != nil {
				why = append(why, strings.TrimSpace(s.State.Waiting.Reason+" "+s.State.Waiting.Message))
			}
		}
	}
	return hint.New(fmt.Errorf("%w within %s: %s", ErrNotStarted, patience, strings.Join(why, "; ")),
		"look at the node: kubectl describe node %s; or go to the nodes by ssh: --ssh root@HOST", p.Spec.NodeName)
}

// events are the warnings about a pod, for who may read them.
func (c *Cluster) events(ctx context.Context, p *corev1.Pod) (said []string) {
	request, cancel := short(ctx)
	defer cancel()
	list, err := c.kube.CoreV1().Events(namespace).List(request, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("involvedObject.uid", string(p.UID)).String(),
	})
	if err != nil {
		return nil
	}
	for _, e := range list.Items {
		if text := e.Reason + ": " + e.Message; e.Type == corev1.EventTypeWarning && !slices.Contains(said, text) {
			said = append(said, text)
		}
	}
	return said
}

// delete deletes a pod, if it still is the one with that UID. It does so for callers whose
// context has ended, too.
func (c *Cluster) delete(name string, uid types.UID) error {
	request, cancel := short(context.Background())
	defer cancel()
	err := c.kube.CoreV1().Pods(namespace).Delete(request, name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(1)), Preconditions: &metav1.Preconditions{UID: &uid},
	})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // a restore has forgotten it, or it is another one's by now
	}
	return c.explain(request, "delete pods", err)
}
