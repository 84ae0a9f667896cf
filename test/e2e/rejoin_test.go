//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// needsPerson is the exit code of a check that failed.
const needsPerson = 4

// One of three members loses its data while the others have a quorum. The check says so;
// the node rejoins, although it is killed in the middle, with a fresh directory of the
// name that kubeadm knows; the check is content then, and what is kept can be removed.
func TestRejoin(t *testing.T) {
	s := setUp(t, lab.Options{Nodes: 3})
	lost := s.Node(3)
	s.checked(t, s.node, done, "--wait", "2m")

	lost.LoseData(t, 2)
	r := s.checked(t, lost, needsPerson)
	if !strings.Contains(r.Stdout, "failed   Leader") {
		t.Errorf("it does not say that etcd is down:\n%s", r.Stdout)
	}
	requireCode(t, refused, s.node.Run(t, node(s.rejoin(t, s.Node(2))...)...)) // it serves

	rejoin := s.rejoin(t, s.node)
	manifests := lost.Manifests(t)
	r, reached := lost.RunUntil(t, "done:join/member", node(rejoin...)...)
	if !reached {
		t.Fatalf("it ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	t.Run("killed, and taken back", func(t *testing.T) {
		requireCode(t, done, lost.Run(t, node("rollback")...))
		requireEqual(t, "the manifests", manifests, lost.Manifests(t))
		if list := s.node.Must(t, lab.Etcdctl("member", "list")...); strings.Contains(list, "true") {
			t.Errorf("a learner is left:\n%s", list)
		}
	})
	if r, reached = lost.RunUntil(t, "done:join/etcd", node(rejoin...)...); !reached {
		t.Fatalf("it ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	requireCode(t, done, lost.Run(t, node("resume")...))
	for _, n := range s.Nodes() {
		s.checked(t, n, done, "--wait", "2m")
	}
	s.requireOneCluster(t)
	s.requireAlive(t)

	runs := lost.Runs(t)
	newest := runs[len(runs)-1]
	shown := lost.Must(t, node("prune", newest)...)
	if !strings.Contains(shown, "would go") {
		t.Errorf("nothing of run %s would go:\n%s", newest, shown)
	}
	lost.Must(t, node("prune", newest, "--yes")...)
	if shown = lost.Must(t, node("prune", newest)...); strings.Contains(shown, "would go") {
		t.Errorf("it is still there:\n%s", shown)
	}
	s.checked(t, lost, done)
}

// checked runs node check, which has to end with a code.
func (s *scene) checked(t *testing.T, n *lab.Node, code int, flags ...string) lab.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	r, err := n.Try(ctx, node(append([]string{"check"}, flags...)...)...)
	must(t, err)
	requireCode(t, code, r)
	return r
}

// rejoin is the command line to join the cluster of a node.
func (s *scene) rejoin(t *testing.T, n *lab.Node) []string {
	t.Helper()
	return []string{"rejoin", "--endpoints", "https://" + n.Address(t) + ":2379", "--others-data-dir", s.DataDir(), "--yes"}
}
