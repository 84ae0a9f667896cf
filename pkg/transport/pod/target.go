package pod

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Target is a control-plane node as the API server knows it.
type Target struct {
	Name         string
	Architecture string // as Go calls it; "" if nothing tells
	Image        string // that it has, and that holds sh, cat and chmod
	Paths        []Path // of the node, that the program needs
	Err          error  // why no helper pod can be made there
}

const controlPlane = "node-role.kubernetes.io/control-plane"

// Targets are the nodes that say they belong to the control plane, and those where an
// etcd of kubeadm runs, by name.
func (c *Cluster) Targets(ctx context.Context, o Options) ([]Target, error) {
	nodes, pods, err := c.look(ctx)
	if err != nil {
		return nil, err
	}
	c.sweepDead(pods)
	byName := map[string]*corev1.Node{}
	for i := range nodes {
		byName[nodes[i].Name] = &nodes[i]
	}
	names := map[string]bool{}
	for _, n := range nodes {
		if _, is := n.Labels[controlPlane]; is {
			names[n.Name] = true
		}
	}
	stacked := false
	for i := range pods {
		if isComponent(&pods[i], "etcd") {
			names[pods[i].Spec.NodeName], stacked = true, true
		}
	}
	if !stacked {
		return nil, noEtcd(nodes, pods, len(names))
	}
	var targets []Target
	for name := range names {
		targets = append(targets, c.target(ctx, name, byName[name], on(pods, name), o))
	}
	slices.SortFunc(targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return targets, nil
}

// firstNodes lists the nodes. It is the first request of all, for which client-go starts a
// program that the kubeconfig names for credentials, and waits for that without any limit.
func (c *Cluster) firstNodes(ctx context.Context) (nodes *corev1.NodeList, err error) {
	listed := make(chan struct{})
	var list *corev1.NodeList
	var failed error
	go func() {
		defer close(listed)
		list, failed = c.kube.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	}()
	select {
	case <-listed:
		return list, failed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Cluster) look(ctx context.Context) ([]corev1.Node, []corev1.Pod, error) {
	request, cancel := short(ctx)
	defer cancel()
	nodes, err := c.firstNodes(request)
	if err != nil {
		return nil, nil, c.explain(ctx, "list nodes", err)
	}
	pods, err := c.kube.CoreV1().Pods(namespace).List(request, metav1.ListOptions{})
	if err != nil {
		return nil, nil, c.explain(ctx, "list pods", err)
	}
	return nodes.Items, pods.Items, nil
}

func (c *Cluster) target(ctx context.Context, name string, node *corev1.Node, pods []*corev1.Pod, o Options) Target {
	t := Target{Name: name}
	if node == nil {
		t.Err = fmt.Errorf("%w: %s has an etcd, and is no node of the cluster", ErrNotStarted, name)
		return t
	}
	t.Architecture = node.Status.NodeInfo.Architecture
	if t.Err = silent(node); t.Err != nil {
		return t
	}
	if t.Image = o.Image; t.Image == "" {
		t.Image, t.Err = imageOf(name, pods)
	}
	if t.Err == nil {
		t.Paths, t.Err = paths(pods, c.kubelet(ctx, node))
	}
	return t
}

// silent fails for a node whose kubelet does not tell how it does. One that tells that it
// is not ready, for want of a network say, may well run a pod without one.
func silent(node *corev1.Node) error {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionUnknown {
			return hint.New(fmt.Errorf("%w: the kubelet of %s does not answer: %s", ErrNotStarted, node.Name, condition.Message),
				"start it: systemctl start kubelet; or go there by ssh, to all nodes: --ssh root@%s", node.Name)
		}
	}
	return nil
}

// kubelet is what matters of a kubelet's configuration, as far as it is known.
type kubelet struct {
	StaticPodPath   string `json:"staticPodPath"`
	RuntimeEndpoint string `json:"containerRuntimeEndpoint"`
}

// kubelet asks for the configuration, which not everybody may. Without it the rest of
// what the node tells has to do.
func (c *Cluster) kubelet(ctx context.Context, node *corev1.Node) (k kubelet) {
	request, cancel := short(ctx)
	defer cancel()
	if client := c.kube.CoreV1().RESTClient(); c.config != nil {
		text, err := client.Get().Resource("nodes").Name(node.Name).SubResource("proxy").Suffix("configz").DoRaw(request)
		var answer struct {
			Config kubelet `json:"kubeletconfig"`
		}
		if err == nil && json.Unmarshal(text, &answer) == nil {
			k = answer.Config
		}
	}
	if k.RuntimeEndpoint == "" {
		k.RuntimeEndpoint = node.Annotations["kubeadm.alpha.kubernetes.io/cri-socket"]
	}
	if k.RuntimeEndpoint == "" {
		k.RuntimeEndpoint = "unix:///run/containerd/containerd.sock"
		if strings.HasPrefix(node.Status.NodeInfo.ContainerRuntimeVersion, "cri-o:") {
			k.RuntimeEndpoint = "unix:///run/crio/crio.sock"
		}
	}
	return k
}

func on(pods []corev1.Pod, node string) (found []*corev1.Pod) {
	for i := range pods {
		if pods[i].Spec.NodeName == node {
			found = append(found, &pods[i])
		}
	}
	return found
}

func isComponent(p *corev1.Pod, name string) bool {
	return p.Labels["tier"] == "control-plane" && p.Labels["component"] == name
}

// imageOf finds an image on a node that has a shell: kube-proxy's has, for the wrapper of
// iptables; those of the control plane have not. Where something else does the work of
// kube-proxy, that has one, too.
func imageOf(node string, pods []*corev1.Pod) (string, error) {
	for _, app := range []string{"kube-proxy", "cilium", "calico-node", "canal", "kube-router", "antrea", "flannel", "weave-net"} {
		for _, p := range pods {
			if p.Status.Phase != corev1.PodRunning || p.Labels["k8s-app"] != app && p.Labels["app"] != app || len(p.Spec.Containers) == 0 {
				continue
			}
			return p.Spec.Containers[0].Image, nil
		}
	}
	return "", hint.New(fmt.Errorf("%w: neither kube-proxy nor another network plugin that is known runs on %s", ErrImage, node),
		"name one that is on all control-plane nodes and holds sh, cat and chmod: --helper-image IMAGE; see them with: crictl images")
}

// noEtcd says why there is nothing to work on.
func noEtcd(nodes []corev1.Node, pods []corev1.Pod, labelled int) error {
	for _, n := range nodes {
		for _, other := range []string{"k3s", "rke2"} {
			if strings.Contains(n.Status.NodeInfo.KubeletVersion, "+"+other) {
				return hint.New(fmt.Errorf("%w: it is one of %s, which keeps its etcd by itself", ErrCluster, other), "%s server --cluster-reset --cluster-reset-restore-path=SNAPSHOT", other)
			}
		}
	}
	for i := range pods {
		if isComponent(&pods[i], "kube-apiserver") {
			return hint.New(fmt.Errorf("%w: its API servers use an etcd that runs elsewhere", ErrCluster),
				"restore it on its own hosts: etcdctl snapshot-x restore SNAPSHOT")
		}
	}
	if labelled > 0 {
		return hint.New(fmt.Errorf("%w: %d nodes are labelled %s, and none runs a static pod of etcd or of an API server", ErrCluster, labelled, controlPlane), "go there by ssh: --ssh root@HOST")
	}
	return hint.New(fmt.Errorf("%w: the API server shows no node of it: it is managed by somebody else", ErrCluster), "ask whoever runs the control plane for a restore")
}
