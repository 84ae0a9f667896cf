package etcdrestore

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/test/nodetest"
)

// somewhere is a machine with a file system and a kubeconfig of its own.
func somewhere(t *testing.T, root, kubeconfig string) *NodeOptions {
	t.Helper()
	opts := newOptions()
	opts.Program = plugin
	*opts.KubeConfig = filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(*opts.KubeConfig, []byte(kubeconfig), 0o600))
	return &NodeOptions{Options: opts, RootFS: root, StateDir: t.TempDir(), streams: Streams{Out: io.Discard, ErrOut: io.Discard}}
}

// Without a verb somebody is told where they are, whatever can be seen from there.
func TestPlace(t *testing.T) {
	t.Parallel()
	const dead = "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], clusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}]}"
	for name, tc := range map[string]struct {
		node             bool
		kubeconfig       string
		state, has, next string
	}{
		"a node":     {true, dead, stateUnknown, "This machine is the control-plane node ", "node status"},
		"no cluster": {false, "", stateUnknown, "no API server is known", "status --ssh root@HOST"},
		"a program that never has credentials": {
			false, strings.TrimSuffix(dead, "}") + ", users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sleep, args: ['30'], interactiveMode: Never}}}]}",
			stateUnknown, "https://127.0.0.1:1 does not answer within 5s", "status --ssh root@HOST",
		},
		"a dead API server": {false, dead, stateUnknown, "https://127.0.0.1:1: connection refused", "status --ssh root@HOST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if tc.node {
				n := nodetest.New(t)
				n.WriteEtcd(t, nodetest.EtcdFlags{Name: "cp1", PeerURL: "https://10.0.0.1:2380", ClientURL: "https://127.0.0.1:1", InitialCluster: "cp1=https://10.0.0.1:2380"})
				root = n.Root
			}
			p, err := somewhere(t, root, tc.kubeconfig).lookAround(t.Context())
			must(t, err)
			text := p.words()
			if !strings.Contains(strings.Join(strings.Fields(text), " "), tc.has) || !strings.HasSuffix(text, "All commands: kubectl etcd-restore --help\n") {
				t.Errorf("it says\n%s", text)
			}
			if tc.node != (p.Node != "") || !tc.node && p.Verdict.State != tc.state {
				t.Errorf("%+v", p)
			}
			if !tc.node && !slices.ContainsFunc(p.Verdict.Next, func(c string) bool { return strings.Contains(c, tc.next) }) {
				t.Errorf("next is %q", p.Verdict.Next)
			}
		})
	}
}

// Who is not let in is not told that the API server is dead.
func TestPlaceOfAStranger(t *testing.T) {
	t.Parallel()
	for code, reason := range map[int]string{http.StatusUnauthorized: "Unauthorized", http.StatusForbidden: "Forbidden"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","reason":%q,"code":%d}`, reason, code)
		}))
		defer server.Close()
		p, err := somewhere(t, t.TempDir(), "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k}}], clusters: [{name: k, cluster: {server: '"+server.URL+"'}}]}").lookAround(t.Context())
		must(t, err)
		if m := p.Verdict.Message; !strings.Contains(m, "answers, and does not let you look") || !slices.Contains(p.Verdict.Next, plugin+" status --kubeconfig FILE") {
			t.Errorf("%d: %+v", code, p.Verdict)
		}
	}
}

// An API server that answers is no proof of a healthy control plane, but of an ill one.
func TestAnswered(t *testing.T) {
	t.Parallel()
	opts := newOptions()
	opts.Program = plugin
	nodes := []topology.KubeNode{{Name: "cp1", Ready: true}, {Name: "cp2"}}
	for name, tc := range map[string]struct {
		kube topology.Kubernetes
		want verdict
	}{
		"ready": {topology.Kubernetes{Nodes: nodes[:1]}, verdict{
			stateHealthy, "The API server answers; its 1 control-plane node is ready.",
			[]string{"kubectl etcd-restore status", "kubectl etcd-restore save"},
		}},
		"a node is not": {topology.Kubernetes{Nodes: nodes}, verdict{
			stateDegraded, "The API server answers; of its 2 control-plane nodes not ready: cp2.", []string{"kubectl etcd-restore status"},
		}},
		"not allowed": {topology.Kubernetes{Errors: []string{"list pods: forbidden"}}, verdict{
			stateUnknown, "The API server answers, and does not tell all: list pods: forbidden.", []string{"kubectl etcd-restore status"},
		}},
	} {
		if diff := cmp.Diff(tc.want, opts.answered(&tc.kube)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
