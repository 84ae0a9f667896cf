package topology

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// How kubeadm labels what is of the control plane.
const (
	controlPlaneLabel = "node-role.kubernetes.io/control-plane"
	etcdSelector      = "component=etcd,tier=control-plane"
)

// Ask asks an API server for what it says of the control plane. Nodes are the least:
// without them there is an error. What else cannot be asked is in Errors.
func Ask(ctx context.Context, server string, client kubernetes.Interface) (*Kubernetes, error) {
	k := &Kubernetes{Server: server, Nodes: []KubeNode{}, Pods: []EtcdPod{}}
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: controlPlaneLabel})
	if err != nil {
		return nil, fmt.Errorf("list the control-plane nodes: %w", err)
	}
	for i := range nodes.Items {
		k.Nodes = append(k.Nodes, kubeNode(&nodes.Items[i]))
	}
	pods, err := client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: etcdSelector})
	if err != nil {
		k.Errors = append(k.Errors, fmt.Sprintf("list the etcd pods: %v", err))
	} else {
		for i := range pods.Items {
			k.Pods = append(k.Pods, etcdPod(&pods.Items[i]))
		}
	}
	config, err := client.CoreV1().ConfigMaps(kubeadm.ConfigNamespace).Get(ctx, kubeadm.ConfigMap, metav1.GetOptions{})
	if err == nil {
		err = k.readConfig(config.Data[kubeadm.ConfigKey])
	}
	if err != nil {
		k.Errors = append(k.Errors, fmt.Sprintf("read kubeadm's configuration: %v", err))
	}
	return k, nil
}

func kubeNode(n *corev1.Node) KubeNode {
	k := KubeNode{Name: n.Name, Addresses: []string{}}
	for _, a := range n.Status.Addresses {
		k.Addresses = append(k.Addresses, a.Address)
	}
	k.Ready = slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	return k
}

func etcdPod(p *corev1.Pod) EtcdPod {
	e := EtcdPod{Name: p.Name, Node: p.Spec.NodeName, Ready: slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})}
	for _, c := range p.Spec.Containers {
		container := staticpod.Container{Command: c.Command, Args: c.Args, EnvFrom: len(c.Env)+len(c.EnvFrom) > 0}
		flags, err := container.EtcdFlags()
		if err != nil {
			continue // of another program
		}
		name, nameErr := flags.Get("name")
		peer, peerErr := flags.Get("initial-advertise-peer-urls")
		if nameErr == nil && peerErr == nil {
			e.Member, e.PeerURL = name.Value, peer.Value
		}
	}
	return e
}

// readConfig reads what matters here of a ClusterConfiguration.
func (k *Kubernetes) readConfig(text string) error {
	var config struct {
		ClusterName string
		Etcd        struct {
			Local    struct{ DataDir string }
			External struct{ Endpoints []string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &config); err != nil {
		return fmt.Errorf("%w: %s", kubeadm.ErrConfig, firstLine(err.Error()))
	}
	k.Cluster, k.DataDir, k.External = config.ClusterName, config.Etcd.Local.DataDir, config.Etcd.External.Endpoints
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
