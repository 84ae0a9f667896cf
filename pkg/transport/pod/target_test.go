package pod

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubetesting "k8s.io/client-go/testing"
)

// A program that never comes with credentials, and does not know of any context.
func TestLookDoesNotWaitForCredentials(t *testing.T) {
	t.Parallel()
	c, kube := cluster(node("cp1"))
	release := make(chan struct{})
	defer close(release)
	kube.PrependReactor("list", "nodes", func(kubetesting.Action) (bool, runtime.Object, error) {
		<-release
		return false, nil, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := c.firstNodes(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	silent, other := node("cp2"), node("cp3")
	silent.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Message: "Kubelet stopped posting node status."}}
	other.Labels = nil // by its etcd alone
	c, _ := cluster(node("cp1"), silent, other, &corev1.Node{},
		component("etcd", "cp1", "/var/lib/etcd", "/etc/kubernetes/pki/etcd"), proxy("cp1"),
		component("etcd", "cp3", "/data/etcd", "/wal/etcd"))
	targets, err := c.Targets(t.Context(), Options{})
	must(t, err)
	if len(targets) != 3 {
		t.Fatalf("%d targets: %+v", len(targets), targets)
	}
	if first := targets[0]; first.Err != nil || first.Name != "cp1" || first.Image != "registry.k8s.io/kube-proxy:v1.37.2" {
		t.Errorf("%+v", first)
	}
	if err := targets[1].Err; !errors.Is(err, ErrNotStarted) || !strings.Contains(err.Error(), "stopped posting") || !strings.Contains(hintOf(err), "systemctl start kubelet") {
		t.Errorf("cp2: %v", err)
	}
	if err := targets[2].Err; !errors.Is(err, ErrImage) || !strings.Contains(hintOf(err), "--helper-image") {
		t.Errorf("cp3: %v", err)
	}
}

// A cluster that is none of kubeadm's with stacked etcd is refused, with the command that
// helps there.
func TestTargetsRefused(t *testing.T) {
	t.Parallel()
	k3s := node("a")
	k3s.Status.NodeInfo.KubeletVersion = "v1.35.1+k3s1"
	worker := node("w")
	worker.Labels = nil
	for name, tc := range map[string]struct {
		objects    []runtime.Object
		text, hint string
	}{
		"managed":       {[]runtime.Object{worker}, "managed", "ask whoever"},
		"k3s":           {[]runtime.Object{k3s}, "k3s", "--cluster-reset"},
		"external etcd": {[]runtime.Object{node("cp1"), component("kube-apiserver", "cp1")}, "runs elsewhere", "etcdctl snapshot-x restore"},
		"no pods":       {[]runtime.Object{node("cp1")}, "none runs a static pod", "--ssh"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := cluster(tc.objects...)
			_, err := c.Targets(t.Context(), Options{})
			if !errors.Is(err, ErrCluster) || !strings.Contains(err.Error(), tc.text) || !strings.Contains(hintOf(err), tc.hint) {
				t.Errorf("%v (%s)", err, hintOf(err))
			}
		})
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	containerd := kubelet{RuntimeEndpoint: "unix:///var/run/containerd/containerd.sock"}
	for name, tc := range map[string]struct {
		pods    []*corev1.Pod
		kubelet kubelet
		want    string // "" is an error
	}{
		"kubeadm's": {
			[]*corev1.Pod{
				component("etcd", "cp1", "/etc/kubernetes/pki/etcd", "/var/lib/etcd"),
				component("kube-apiserver", "cp1", "/etc/ssl/certs", "/usr/share/ca-certificates", "/etc/kubernetes/pki", "/etc/encryption"),
			}, containerd, "/etc/encryption(ro) /etc/kubernetes /run/containerd /var/lib /var/run/containerd",
		},
		"disks of their own": {
			[]*corev1.Pod{component("etcd", "cp1", "/data/etcd", "/wal/etcd")},
			kubelet{StaticPodPath: "/srv/manifests/", RuntimeEndpoint: "/run/crio/crio.sock"},
			"/data /etc/kubernetes /run/crio /srv /var/lib/etcd-restore /var/lib/kubelet /var/run/crio /wal",
		},
		"right below the root": {[]*corev1.Pod{component("etcd", "cp1", "/etcd")}, containerd, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := paths(tc.pods, tc.kubelet)
			if tc.want == "" {
				if !errors.Is(err, ErrNotStarted) || hintOf(err) == "" {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			must(t, err)
			var words []string
			for _, p := range got {
				if p.ReadOnly {
					p.Name += "(ro)"
				}
				words = append(words, p.Name)
			}
			if text := strings.Join(words, " "); text != tc.want {
				t.Errorf("got  %s\nwant %s", text, tc.want)
			}
		})
	}
}
