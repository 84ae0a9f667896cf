package pod

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
)

// cluster is one of objects, without an API server.
func cluster(objects ...runtime.Object) (*Cluster, *fake.Clientset) {
	kube := fake.NewClientset(objects...)
	return &Cluster{kube: kube, session: "test", name: func() string { return prefix + random() }}, kube
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{controlPlane: ""}}}
}

// component is a static pod of kubeadm with volumes of the node.
func component(name, node string, hostPaths ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name + "-" + node, Labels: map[string]string{"tier": "control-plane", "component": name}},
		Spec:       corev1.PodSpec{NodeName: node},
	}
	for _, path := range hostPaths {
		p.Spec.Volumes = append(p.Spec.Volumes, corev1.Volume{Name: path, VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: path, Type: new(corev1.HostPathDirectoryOrCreate)},
		}})
	}
	return p
}

// proxy is the pod that has an image with a shell.
func proxy(node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "kube-proxy-" + node, Labels: map[string]string{"k8s-app": "kube-proxy"}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Image: "registry.k8s.io/kube-proxy:v1.37.2"}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
}

func hintOf(err error) string {
	if h := (interface{ Hint() string })(nil); errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
