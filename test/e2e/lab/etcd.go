package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

const (
	etcdPKI = "/etc/kubernetes/pki/etcd"
	away    = "/etc/kubernetes/away" // where manifests wait
)

// Etcdctl is the command line of etcdctl for the node's own member.
func Etcdctl(args ...string) []string {
	return EtcdctlAt([]string{"https://127.0.0.1:2379"}, args...)
}

// EtcdctlAt is the command line of etcdctl for members at these client URLs.
func EtcdctlAt(endpoints []string, args ...string) []string {
	return append([]string{
		"etcdctl", "--endpoints=" + strings.Join(endpoints, ","), "--cacert=" + etcdPKI + "/ca.crt",
		"--cert=" + etcdPKI + "/healthcheck-client.crt", "--key=" + etcdPKI + "/healthcheck-client.key",
	}, args...)
}

// Snapshot saves a snapshot of the node's member into a file on the node.
func (n *Node) Snapshot(t etcdtest.T, path string) {
	t.Helper()
	n.Must(t, Etcdctl("snapshot", "save", path)...)
}

// Containers are the running containers of the node's static pods: the names, such
// as etcd and kube-apiserver.
func (n *Node) Containers(ctx context.Context) ([]string, error) {
	// The name of a container is a label of it.
	const script = `ctr -n k8s.io tasks ls | awk '$3 == "RUNNING" { print $1 }' | while read -r id; do
		ctr -n k8s.io containers info "$id" 2>/dev/null | sed -n 's/.*"io.kubernetes.container.name": "\(.*\)".*/\1/p'
	done | sort`
	r, err := n.Try(ctx, "bash", "-c", script)
	if err == nil && r.Code != 0 {
		err = errors.New(strings.TrimSpace(r.Stderr))
	}
	return strings.Fields(r.Stdout), err
}

// WaitGone waits until none of the containers runs.
func (n *Node) WaitGone(t etcdtest.T, most time.Duration, names ...string) {
	t.Helper()
	err := Eventually(t.Context(), most, func(ctx context.Context) error {
		running, err := n.Containers(ctx)
		for _, r := range running {
			for _, name := range names {
				if r == name {
					err = errors.Join(err, fmt.Errorf("%s still runs on %s", name, n.Name))
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Image is the reference of an image that the node has, by a part of its name.
func (n *Node) Image(t etcdtest.T, name string) string {
	t.Helper()
	for _, image := range strings.Fields(n.Must(t, "ctr", "-n", "k8s.io", "images", "ls", "-q")) {
		if strings.Contains(image, "/"+name+":") {
			return image
		}
	}
	t.Fatalf("%s has no image %s", n.Name, name)
	return ""
}

// StopControlPlane moves the manifests out of the kubelet's folder and ends what they
// started. The kubelet alone would take half a minute over the API server.
func (n *Node) StopControlPlane(t etcdtest.T) {
	t.Helper()
	n.Shell(t, `mkdir -p "$1" && mv `+ManifestDir+`/*.yaml "$1"/
		for i in {1..600}; do pkill -KILL -x 'etcd|kube-apiserver|kube-controller|kube-scheduler' || exit 0; sleep 0.1; done; exit 1`, away)
	n.WaitGone(t, 2*time.Minute, "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
}

// StartControlPlane moves them back.
func (n *Node) StartControlPlane(t etcdtest.T) {
	t.Helper()
	n.Shell(t, `mv "$1"/*.yaml `+ManifestDir+`/`, away)
}
