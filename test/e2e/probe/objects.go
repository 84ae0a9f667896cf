package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const key = "value" // of a ConfigMap's data

// Objects are those of one namespace.
type Objects struct {
	Namespace string
	client    kubernetes.Interface
}

// NewObjects makes the namespace, and waits for nothing.
func NewObjects(ctx context.Context, config *rest.Config, namespace string) (*Objects, error) {
	c, err := client(config)
	if err != nil {
		return nil, err
	}
	_, err = c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("make namespace %s: %w", namespace, err)
	}
	return &Objects{Namespace: namespace, client: c}, nil
}

// Set makes or changes a ConfigMap.
func (o *Objects) Set(ctx context.Context, name, value string) error {
	maps := o.client.CoreV1().ConfigMaps(o.Namespace)
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{key: value}}
	_, err := maps.Create(ctx, m, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = maps.Update(ctx, m, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("set ConfigMap %s: %w", name, err)
	}
	return nil
}

// Clear deletes a ConfigMap if there is one.
func (o *Objects) Clear(ctx context.Context, name string) error {
	return ifThere(o.client.CoreV1().ConfigMaps(o.Namespace).Delete(ctx, name, metav1.DeleteOptions{}))
}

// ClearDeployment deletes a Deployment if there is one. Its pods follow.
func (o *Objects) ClearDeployment(ctx context.Context, name string) error {
	return ifThere(o.client.AppsV1().Deployments(o.Namespace).Delete(ctx, name, metav1.DeleteOptions{}))
}

func ifThere(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Deploy makes a Deployment of pods that do nothing, of an image that the nodes have,
// or scales it.
func (o *Objects) Deploy(ctx context.Context, name, image string, replicas int32) error {
	label := map[string]string{"app": name}
	deployments := o.client.AppsV1().Deployments(o.Namespace)
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: label},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: label},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "pause", Image: image, ImagePullPolicy: corev1.PullNever,
				}}},
			},
		},
	}
	_, err := deployments.Create(ctx, d, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = deployments.Update(ctx, d, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("deploy %s: %w", name, err)
	}
	return nil
}

// Reconciled returns nil if the Deployment has so many pods, all of them ready and
// seen by their controller, and no others are left.
func (o *Objects) Reconciled(ctx context.Context, name string, replicas int32) error {
	d, err := o.client.AppsV1().Deployments(o.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("deployment %s: %w", name, err)
	}
	if s := d.Status; s.ObservedGeneration != d.Generation || s.ReadyReplicas != replicas || s.Replicas != replicas || s.UpdatedReplicas != replicas {
		return fmt.Errorf("deployment %s: %d pods, %d ready, want %d", name, s.Replicas, s.ReadyReplicas, replicas)
	}
	pods, err := o.client.CoreV1().Pods(o.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name})
	if err != nil {
		return fmt.Errorf("pods of %s: %w", name, err)
	}
	// A pod that was deleted after the snapshot comes back as one that has ended: its
	// kubelet never runs the same pod twice. Controllers do not count those.
	living := slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool {
		return p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
	})
	if len(living) != int(replicas) {
		return fmt.Errorf("deployment %s: %d pods live, want %d", name, len(living), replicas)
	}
	return nil
}

// Gone returns nil if there is no such Deployment.
func (o *Objects) Gone(ctx context.Context, name string) error {
	_, err := o.client.AppsV1().Deployments(o.Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err == nil:
		return errors.New("deployment " + name + " is there")
	}
	return err
}
