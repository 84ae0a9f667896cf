package pod

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// serve lets every pod that is made have a UID and, from the first look on, a status.
func serve(kube *fake.Clientset, status corev1.PodStatus) {
	kube.PrependReactor("create", "pods", func(a clienttesting.Action) (bool, runtime.Object, error) {
		p := a.(clienttesting.CreateAction).GetObject().(*corev1.Pod)
		p.UID, p.Status = types.UID("uid-of-"+p.Name), status
		return false, nil, nil
	})
}

func running() corev1.PodStatus {
	return corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}}
}

func waiting(reason, message string) corev1.PodStatus {
	return corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}}
}

// A name that somebody has taken is given up, and nothing is asked of that pod.
func TestCollision(t *testing.T) {
	t.Parallel()
	hostile := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "etcd-restore-taken", UID: "hostile"}, Status: running()}
	c, kube := cluster(hostile)
	next := []string{"etcd-restore-taken", "etcd-restore-taken", "etcd-restore-free"}
	c.name = func() (name string) { name, next = next[0], next[1:]; return name }
	serve(kube, running())
	p, err := c.start(t.Context(), Target{Name: "cp1", Image: "i"}, Options{})
	must(t, err)
	if p.Name != "etcd-restore-free" || p.Spec.NodeName != "cp1" {
		t.Errorf("%s on %s", p.Name, p.Spec.NodeName)
	}
	must(t, c.delete(p.Name, p.UID))
	if list, err := kube.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 1 || list.Items[0].UID != "hostile" {
		t.Errorf("%+v, %v", list, err)
	}
}

// All names taken is an error and no endless loop.
func TestCollisionForEver(t *testing.T) {
	t.Parallel()
	c, kube := cluster(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "etcd-restore-taken"}})
	c.name = func() string { return "etcd-restore-taken" }
	serve(kube, running())
	if _, err := c.start(t.Context(), Target{Name: "cp1", Image: "i"}, Options{}); !apierrors.IsAlreadyExists(err) {
		t.Error(err)
	}
}

// A pod under our name that is not ours is not used.
func TestReplaced(t *testing.T) {
	t.Parallel()
	c, _ := cluster(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "etcd-restore-x", UID: "other"}, Status: running()})
	if _, err := c.get(t.Context(), "etcd-restore-x", "ours"); !errors.Is(err, errGone) || !strings.Contains(err.Error(), "taken its place") {
		t.Error(err)
	}
}

func TestNotStarted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status     corev1.PodStatus
		is         error
		text, hint string
	}{
		"no image":  {waiting("ErrImageNeverPull", "Container image \"i\" is not present with pull policy of Never"), ErrImage, "not present", "--helper-image"},
		"no cat":    {waiting("RunContainerError", `exec: "cat": executable file not found in $PATH`), ErrImage, "not found", "--helper-image"},
		"runtime":   {waiting("CreateContainerError", "no such luck"), ErrNotStarted, "no such luck", "describe pod"},
		"evicted":   {corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "disk"}, ErrNotStarted, "Evicted disk", ""},
		"nobody":    {corev1.PodStatus{Phase: corev1.PodPending}, ErrNotStarted, "has not taken notice", "describe node cp1"},
		"for a bit": {waiting("ContainerCreating", ""), ErrNotStarted, "ContainerCreating", "describe node cp1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, kube := cluster()
			serve(kube, tc.status)
			_, err := c.start(t.Context(), Target{Name: "cp1", Image: "i"}, Options{Patience: time.Second})
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.text) || !strings.Contains(hintOf(err), tc.hint) {
				t.Errorf("%v (%s)", err, hintOf(err))
			}
			if list, err := kube.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
				t.Errorf("left: %+v, %v", list.Items, err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	pods := schema.GroupResource{Resource: "pods"}
	for name, tc := range map[string]struct {
		answer     error
		is         error
		text, hint string
	}{
		"RBAC":         {apierrors.NewForbidden(pods, "", errors.New(`User "eve" cannot create resource "pods" in API group "" in the namespace "kube-system"`)), ErrForbidden, "create pods", "kubectl auth can-i create pods -n kube-system"},
		"PodSecurity":  {apierrors.NewForbidden(pods, "x", errors.New(`violates PodSecurity "baseline:latest": hostPath volumes (volume "host-0")`)), ErrAdmission, "hostPath", "pod-security.kubernetes.io/enforce=privileged"},
		"webhook":      {apierrors.NewForbidden(pods, "x", errors.New(`admission webhook "policy.example" denied the request: no`)), ErrAdmission, "policy.example", "exempt"},
		"unknown user": {apierrors.NewUnauthorized("Unauthorized"), ErrCredentials, "Unauthorized", "--kubeconfig"},
		"dead":         {errors.New("dial tcp 10.0.0.1:6443: connect: connection refused"), transport.ErrConnection, "refused", "--ssh"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, kube := cluster()
			kube.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, tc.answer })
			_, err := c.start(t.Context(), Target{Name: "cp1", Image: "i"}, Options{})
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.text) || !strings.Contains(hintOf(err), tc.hint) {
				t.Errorf("%v (%s)", err, hintOf(err))
			}
		})
	}
}

// Only what nobody else can have made is swept.
func TestSweep(t *testing.T) {
	t.Parallel()
	left := func(name string, labels map[string]string, owned bool) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}}
		if owned {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "j"}}
		}
		return p
	}
	all := map[string]string{labelName: ourName, labelComponent: helper, labelInstance: "other"}
	own := map[string]string{labelName: ourName, labelComponent: helper, labelInstance: "test"}
	c, kube := cluster(left("etcd-restore-0123456789", all, false), left("etcd-restore-backup", all, false),
		left("etcd-restore-0123456788", all, true), left("etcd-restore-0123456787", nil, false), left("etcd-restore-0123456786", own, false))
	swept, err := c.Sweep(t.Context())
	must(t, err)
	list, err := kube.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	if must(t, err); len(swept) != 1 || swept[0].Name != "etcd-restore-0123456789" || len(list.Items) != 4 {
		t.Errorf("%v, %d are left", swept, len(list.Items))
	}
}

// A helper that a snapshot has brought back goes when the next one comes.
func TestSweepDead(t *testing.T) {
	t.Parallel()
	dead := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "etcd-restore-0123456789", Labels: map[string]string{labelName: ourName, labelComponent: helper}},
		Status:     corev1.PodStatus{Phase: corev1.PodFailed},
	}
	alive := dead.DeepCopy()
	alive.Name, alive.Status = "etcd-restore-0123456788", running()
	c, kube := cluster(node("cp1"), component("etcd", "cp1", "/var/lib/etcd"), proxy("cp1"), dead, alive)
	_, err := c.Targets(t.Context(), Options{})
	must(t, err)
	if _, err := kube.CoreV1().Pods(namespace).Get(t.Context(), dead.Name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the dead one: %v", err)
	}
	if _, err := kube.CoreV1().Pods(namespace).Get(t.Context(), alive.Name, metav1.GetOptions{}); err != nil {
		t.Errorf("the one alive: %v", err)
	}
}
