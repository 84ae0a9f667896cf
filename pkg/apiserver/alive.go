package apiserver

import (
	"context"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Lease is how somebody says again and again that he lives.
type Lease struct {
	Name    string    `json:"name"`
	Holder  string    `json:"holder"`
	Renewed time.Time `json:"renewed"` // by the clock of the holder
}

// Controllers are the leases of those that act in the cluster: of the controller manager
// and of the scheduler, whichever node they are on.
func (c *Client) Controllers(ctx context.Context) ([]Lease, error) {
	var leases []Lease
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		request, cancel := c.short(ctx)
		lease, err := c.kube.CoordinationV1().Leases(metav1.NamespaceSystem).Get(request, name, metav1.GetOptions{})
		cancel()
		if err != nil {
			return nil, c.explain(ctx, "lease of "+name, err)
		}
		leases = append(leases, leaseOf(lease))
	}
	return leases, nil
}

// NodeLeases are those of the kubelets, by the names of their nodes.
func (c *Client) NodeLeases(ctx context.Context) ([]Lease, error) {
	request, cancel := c.short(ctx)
	defer cancel()
	list, err := c.kube.CoordinationV1().Leases(corev1.NamespaceNodeLease).List(request, metav1.ListOptions{})
	if err != nil {
		return nil, c.explain(ctx, "leases of the kubelets", err)
	}
	var leases []Lease
	for i := range list.Items {
		leases = append(leases, leaseOf(&list.Items[i]))
	}
	return leases, nil
}

func leaseOf(l *coordinationv1.Lease) Lease {
	lease := Lease{Name: l.Name}
	if h := l.Spec.HolderIdentity; h != nil {
		lease.Holder = *h
	}
	if t := l.Spec.RenewTime; t != nil {
		lease.Renewed = t.UTC()
	}
	return lease
}

// Node is a node as the cluster sees it.
type Node struct {
	Name         string `json:"name"`
	ControlPlane bool   `json:"controlPlane"`
	Ready        bool   `json:"ready"`
	Message      string `json:"message,omitempty"` // why it is not
}

// Nodes are all of the cluster.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	request, cancel := c.short(ctx)
	defer cancel()
	list, err := c.kube.CoreV1().Nodes().List(request, metav1.ListOptions{})
	if err != nil {
		return nil, c.explain(ctx, "nodes", err)
	}
	var nodes []Node
	for _, n := range list.Items {
		_, controlPlane := n.Labels["node-role.kubernetes.io/control-plane"]
		node := Node{Name: n.Name, ControlPlane: controlPlane, Message: "it has no condition Ready"}
		for _, condition := range n.Status.Conditions {
			if condition.Type == corev1.NodeReady {
				node.Ready, node.Message = condition.Status == corev1.ConditionTrue, condition.Message
			}
		}
		if node.Ready {
			node.Message = ""
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// Pod is a pod of ours.
type Pod struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Node      string    `json:"node"`
	Phase     string    `json:"phase"`
	Created   time.Time `json:"created"`
}

// Ended reports whether nothing runs in the pod any more.
func (p Pod) Ended() bool {
	return p.Phase == string(corev1.PodSucceeded) || p.Phase == string(corev1.PodFailed)
}

// Labelled are the pods of all namespaces that a selector of labels finds.
func (c *Client) Labelled(ctx context.Context, selector string) ([]Pod, error) {
	request, cancel := c.short(ctx)
	defer cancel()
	list, err := c.kube.CoreV1().Pods(metav1.NamespaceAll).List(request, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, c.explain(ctx, "pods", err)
	}
	var pods []Pod
	for _, p := range list.Items {
		pods = append(pods, Pod{p.Namespace, p.Name, p.Spec.NodeName, string(p.Status.Phase), p.CreationTimestamp.UTC()})
	}
	return pods, nil
}
