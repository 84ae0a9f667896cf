package lab

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Options describe a cluster. The zero value is one node of kubeadm's defaults.
type Options struct {
	Nodes    int               // 1, 3 or 5; 0: 1
	DataDir  string            // kubeadm's etcd.local.dataDir, /var/lib/etcd by default
	Quota    int64             // --quota-backend-bytes; 0: the flag is not there
	Programs map[string]string // name on every node's PATH: file on this machine
}

// Lab is a cluster that is up.
type Lab struct {
	options Options
	script  string // test/lab/lab
	dir     string // where the lab keeps its nodes
	nodes   []*Node
	env     []string
}

// Up brings up a new cluster, whatever was there before, and deletes it when the
// test ends.
func Up(t etcdtest.T, o Options) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatalf("the lab needs root and Linux: run it as root, see \"The lab\" in docs/development.md")
	}
	number := reserve(t)
	l := &Lab{options: o, script: script(t), dir: "/var/tmp/etcd-restore-lab-" + number}
	l.options.Nodes = cmp.Or(o.Nodes, 1)
	l.options.DataDir = cmp.Or(o.DataDir, "/var/lib/etcd")
	l.env = append(os.Environ(), "LAB=", "LAB_NUMBER="+number, "ETCD_DATA_DIR="+l.options.DataDir)
	if o.Quota != 0 {
		l.env = append(l.env, "ETCD_QUOTA="+strconv.FormatInt(o.Quota, 10))
	}
	t.Cleanup(func() { l.end(t) })
	if !l.kept() {
		// The first time it builds Kubernetes.
		l.lab(t, 30*time.Minute, "up", strconv.Itoa(l.options.Nodes))
	}
	for n := range l.options.Nodes {
		l.nodes = append(l.nodes, &Node{Name: fmt.Sprintf("cp%d", n+1), lab: l, number: n + 1})
		l.nodes[n].install(t, o.Programs)
	}
	return l
}

// kept is whether the cluster that an earlier test left is to be used again.
func (l *Lab) kept() bool {
	nodes, err := filepath.Glob(filepath.Join(l.dir, "nodes", "cp*"))
	_, upErr := os.Stat(l.Kubeconfig())
	return os.Getenv("E2E_REUSE") == "1" && err == nil && upErr == nil && len(nodes) == l.options.Nodes
}

// Node is the nth node, from 1.
func (l *Lab) Node(n int) *Node { return l.nodes[n-1] }

// Nodes are all of them.
func (l *Lab) Nodes() []*Node { return l.nodes }

// PowerOff pulls the plugs of these nodes at once.
func (l *Lab) PowerOff(t etcdtest.T, nodes ...*Node) {
	t.Helper()
	l.lab(t, time.Minute, append([]string{"poweroff"}, names(nodes)...)...)
}

// PowerOn boots these nodes. It does not wait for their API servers.
func (l *Lab) PowerOn(t etcdtest.T, nodes ...*Node) {
	t.Helper()
	l.lab(t, 5*time.Minute, append([]string{"poweron"}, names(nodes)...)...)
}

func names(nodes []*Node) (names []string) {
	for _, n := range nodes {
		names = append(names, n.Name)
	}
	return names
}

// Kubeconfig is the path of an administrator's, for the balancer's address.
func (l *Lab) Kubeconfig() string { return filepath.Join(l.dir, "admin.conf") }

// Dir is where the lab keeps its nodes.
func (l *Lab) Dir() string { return l.dir }

// Host runs a script on this machine, with the path of test/lab/lab as $0 and Dir as
// $1, which has to succeed, and returns its output.
func (l *Lab) Host(t etcdtest.T, most time.Duration, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script, l.script, l.dir)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = l.env, &out, &errs, 5*time.Second
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s\n%s%s", err, script, out.String(), errs.String())
	}
	return out.String()
}

// DataDir is etcd's on a new cluster.
func (l *Lab) DataDir() string { return l.options.DataDir }

// end keeps the logs if the test failed, and deletes the cluster.
func (l *Lab) end(t etcdtest.T) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	if t.Failed() {
		kept, err := os.MkdirTemp(os.Getenv("E2E_LOGS"), "etcd-restore-e2e-")
		if err == nil {
			_, err = l.try(ctx, "logs", kept)
		}
		for _, n := range l.nodes {
			n.keepRuns(filepath.Join(kept, n.Name))
		}
		t.Logf("the logs of the nodes are in %s (%v)", kept, err)
	}
	if os.Getenv("E2E_KEEP") == "1" {
		t.Logf("the cluster stays, because of E2E_KEEP=1; its nodes are in %s", l.dir)
		return
	}
	if out, err := l.try(ctx, "destroy"); err != nil {
		t.Logf("the cluster was not deleted: %v\n%s", err, out)
	}
}

// lab runs a command of test/lab/lab.
func (l *Lab) lab(t etcdtest.T, limit time.Duration, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out, err := l.try(ctx, args...)
	if err != nil {
		t.Fatalf("test/lab/lab %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (l *Lab) try(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, l.script, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = l.env, &out, &out
	cmd.WaitDelay = 5 * time.Second // the nodes outlive it, and may hold its output
	err := cmd.Run()
	return out.String(), err
}

// script finds test/lab/lab from any folder of the repository.
func script(t etcdtest.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "test", "lab", "lab")
}
