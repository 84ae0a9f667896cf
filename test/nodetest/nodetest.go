// Package nodetest lays out a control-plane node in a folder, as kubeadm does, for
// real etcd servers to run on.
package nodetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Node is the folder.
type Node struct {
	kubeadm.Node
}

// New makes a node with the kubelet's configuration and an empty folder of
// manifests.
func New(t testing.TB) *Node {
	t.Helper()
	n := &Node{kubeadm.Node{Root: t.TempDir()}}
	n.Write(t, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\nstaticPodPath: /etc/kubernetes/manifests\n")
	if err := os.MkdirAll(n.ManifestFolder(), 0o700); err != nil {
		t.Fatal(err)
	}
	return n
}

// Write writes a file of the node.
func (n *Node) Write(t testing.TB, path, text string) {
	t.Helper()
	path = n.Path(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// EtcdFlags are what differs between the nodes of a cluster.
type EtcdFlags struct {
	Name, PeerURL, ClientURL, InitialCluster string
	More                                     []string
}

// WriteEtcd writes etcd's manifest, and pods that stand for the other components.
func (n *Node) WriteEtcd(t testing.TB, f EtcdFlags) {
	t.Helper()
	flags := append([]string{
		"--name=" + f.Name, "--initial-advertise-peer-urls=" + f.PeerURL, "--listen-peer-urls=" + f.PeerURL,
		"--advertise-client-urls=" + f.ClientURL, "--listen-client-urls=" + f.ClientURL,
		"--initial-cluster=" + f.InitialCluster, "--data-dir=/var/lib/etcd",
	}, f.More...)
	n.Write(t, "/etc/kubernetes/manifests/etcd.yaml", fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  labels:
    component: etcd
  name: etcd
  namespace: kube-system
spec:
  containers:
  - command:
    - etcd
    - %s
    image: registry.k8s.io/etcd:3.7.3-0
    name: etcd
    volumeMounts:
    - mountPath: /var/lib/etcd
      name: etcd-data
  volumes:
  - hostPath:
      path: /var/lib/etcd
    name: etcd-data
`, strings.Join(flags, "\n    - ")))
	for _, component := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		n.Write(t, "/etc/kubernetes/manifests/"+component+".yaml", fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  labels:
    component: %s
  name: %s
  namespace: kube-system
spec:
  containers:
  - command:
    - %s
    image: registry.k8s.io/%s:v1.37.2
    name: %s
`, component, component, component, component, component))
	}
}

// Host lets a member of a cluster, which was not started yet, run on the node.
func (n *Node) Host(t testing.TB, c *etcdtest.Cluster, m *etcdtest.Member) {
	t.Helper()
	m.DataDir = n.Path("/var/lib/etcd")
	n.WriteEtcd(t, EtcdFlags{m.Name, m.PeerURL, m.ClientURL, c.InitialCluster(), nil})
}

// TLS makes the certificates of etcd, at kubeadm's places, for a cluster to run
// with.
func (n *Node) TLS(t etcdtest.T) *etcdtest.TLS {
	t.Helper()
	dir := n.PKI("etcd")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatalf("%v", err)
	}
	certs := etcdtest.WriteTLS(t, dir)
	for from, to := range map[string]string{
		certs.Cert("client"): n.PKI("etcd/healthcheck-client.crt"), certs.Key("client"): n.PKI("etcd/healthcheck-client.key"),
	} {
		if err := os.Link(from, to); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return certs
}
