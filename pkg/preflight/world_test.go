package preflight_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/kubelet"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// world is the file system of a control-plane node, and a restore of it.
type world struct {
	node     kubeadm.Node
	now      time.Time
	ca       *authority
	snapshot string

	request preflight.Request // without the facts
	facts   func(*node.Facts) // changes what was found out
}

const (
	address = "10.99.0.11"
	uid     = "5f2b1a70-6c1e-4f0e-9f5e-0b8f7f5d9a11" // of the namespace kube-system
)

// newWorld is a node on which all is well, with one of the manifests of etcd that
// package staticpod is tested with.
func newWorld(t *testing.T, manifest string) *world {
	t.Helper()
	w := &world{node: kubeadm.Node{Root: t.TempDir()}, now: time.Now().Truncate(time.Second), facts: func(*node.Facts) {}}
	text, err := os.ReadFile(filepath.Join("..", "staticpod", "testdata", manifest))
	must(t, err)
	w.write(t, "/etc/kubernetes/manifests/etcd"+filepath.Ext(manifest), string(text))
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		w.component(t, name)
	}
	w.write(t, "/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\nstaticPodPath: /etc/kubernetes/manifests\n")
	w.ca = newAuthority(t, w.now)
	for _, files := range w.node.Certificates() {
		w.issue(t, files.Name, leaf{})
	}
	w.write(t, "/etc/kubernetes/admin.conf", kubeconfig)
	w.snapshot = w.node.Path("/root/snapshot.db")
	must(t, os.MkdirAll(filepath.Dir(w.snapshot), 0o700))
	must(t, fixture.Write(w.snapshot, fixture.Options{Keys: 60, Bytes: 100_000, UID: uid}))
	w.request = preflight.Request{
		Node: w.node, Snapshot: preflight.Snapshot{Path: w.snapshot}, Bump: true,
		Cluster: cluster(t, "cp1="+peer(address)),
		DataDir: "/var/lib/etcd-restored-x", Parking: "/etc/kubernetes/etcd-restore",
	}
	w.old(t, "cp1="+peer(address))
	return w
}

// kubeconfig has credentials of a kind that does not expire.
const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://10.99.0.11:6443", insecure-skip-tls-verify: true}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`

func peer(host string) string { return "https://" + net.JoinHostPort(host, "2380") }

func cluster(t *testing.T, initial string, learners ...string) *membership.Cluster {
	t.Helper()
	c, err := membership.New(initial, "token", learners)
	must(t, err)
	return c
}

// old puts the data directory of cp1 in place, of a cluster with these members.
func (w *world) old(t *testing.T, initial string, learners ...string) {
	t.Helper()
	dir := w.node.Path("/var/lib/etcd")
	must(t, os.RemoveAll(dir))
	_, err := restore.Run(t.Context(), restore.Config{
		Path: w.snapshot, Cluster: cluster(t, initial, learners...), Targets: []restore.Target{{Member: "cp1", DataDir: dir}}, Bump: restore.Bump{Mode: restore.BumpBy},
	})
	must(t, err)
}

// component adds the manifest of a part of the control plane.
func (w *world) component(t *testing.T, name string, flags ...string) {
	t.Helper()
	var words strings.Builder
	for _, flag := range flags {
		fmt.Fprintf(&words, "    - %s\n", flag)
	}
	w.write(t, "/etc/kubernetes/manifests/"+name+".yaml", fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %[1]s, namespace: kube-system, labels: {component: %[1]s}}
spec:
  containers:
  - name: %[1]s
    image: registry.k8s.io/%[1]s:v1.37.2
    command:
    - %[1]s
%[2]s    volumeMounts:
    - {name: enc, mountPath: /etc/enc}
  volumes:
  - {name: enc, hostPath: {path: /etc/kubernetes/enc}}
`, name, words.String()))
}

// manifest replaces words in etcd's manifest.
func (w *world) manifest(t *testing.T, old, new string) {
	t.Helper()
	path := "/etc/kubernetes/manifests/etcd.yaml"
	text, err := os.ReadFile(w.node.Path(path))
	must(t, err)
	if !strings.Contains(string(text), old) {
		t.Fatalf("%q is not in the manifest", old)
	}
	w.write(t, path, strings.ReplaceAll(string(text), old, new))
}

func (w *world) write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(w.node.Path(path)), 0o755))
	must(t, os.WriteFile(w.node.Path(path), []byte(text), 0o600))
}

func (w *world) mkdir(t *testing.T, path string) {
	t.Helper()
	must(t, os.MkdirAll(w.node.Path(path), 0o755))
}

// results runs all checks. Where the node is, neither a kubelet nor a runtime can
// be, so that they are said to be well.
func (w *world) results(t *testing.T, ignore ...string) ([]preflight.Result, error) {
	t.Helper()
	r := w.request
	r.Facts = node.Look(t.Context(), node.Config{Root: w.node, Now: w.now, Timeout: 50 * time.Millisecond})
	r.Facts.Root = true
	r.Facts.Kubelet.State, r.Facts.Kubelet.Err = kubelet.State{PID: 1}, nil
	r.Facts.Runtime.Err = nil
	w.facts(r.Facts)
	report, err := preflight.Evaluate(t.Context(), preflight.Checks(r), ignore)
	if report == nil {
		t.Fatal(err)
	}
	return report.Results, err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
