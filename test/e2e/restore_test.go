//go:build e2e

package e2e

import (
	"context"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/schematest"
)

// What was there at the snapshot is back, what came later is gone, controllers act, an
// informer that ran all the time sees it by itself; and kubeadm knows where the data
// are now.
func TestRestore(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	began := time.Now()
	requireCode(t, done, s.run(t, restore()...))
	s.requireRestored(t)
	t.Logf("the API server was not ready for %.1f s", s.ready.Downtime(began).Seconds())
	dir := s.requireMoved(t)
	s.requireKubeadm(t, dir)
	requireJSON(t, "NodeStatus", s.run(t, "status", "-o", "json"))
	requireJSON(t, "NodeRunList", s.run(t, "runs", "-o", "json"))

	t.Run("twice", func(t *testing.T) {
		s.save(t)
		requireCode(t, done, s.run(t, restore()...))
		s.requireRestored(t)
		if again := s.requireMoved(t); again == dir {
			t.Errorf("the data are where they were before: %s", dir)
		}
		if n := len(s.node.Runs(t)); n != 2 {
			t.Errorf("there are %d runs, want 2", n)
		}
	})
	t.Run("to the data of before", func(t *testing.T) {
		// Behind the commit point: only as a restore of its own.
		runs := s.node.Runs(t)
		last := runs[len(runs)-1]
		requireCode(t, refused, s.run(t, "rollback", last))
		s.requireRestored(t)
		requireCode(t, done, s.run(t, "rollback", last, "--to-old-data", "--yes"))
		s.wait(t, 2*time.Minute)
		s.eventually(t, func(ctx context.Context) error { return s.informer.Check(ctx, after()) })
		s.requireAlive(t)
	})
}

// requireMoved checks that etcd keeps its data in another directory than before, that
// the old one is still there, and that nothing else changed in the manifests. It
// returns the new one.
func (s *scene) requireMoved(t *testing.T) string {
	t.Helper()
	now := s.node.Manifests(t)
	old, dir := hostPath(t, s.manifests["etcd.yaml"]), hostPath(t, now["etcd.yaml"])
	if old == dir {
		t.Fatalf("etcd still keeps its data in %s", dir)
	}
	want := map[string]string{}
	for name, text := range s.manifests {
		want[name] = text
	}
	want["etcd.yaml"] = strings.Replace(want["etcd.yaml"], "path: "+old, "path: "+dir, 1)
	requireEqual(t, "the manifests but for the directory", want, now)
	s.node.Must(t, "test", "-f", path.Join(old, "member/snap/db"))
	return dir
}

// hostPath is the directory of the volume etcd-data.
func hostPath(t *testing.T, manifest string) string {
	t.Helper()
	lines := strings.Split(strings.ReplaceAll(manifest, "\r", ""), "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) == "name: etcd-data" && i > 1 && strings.HasPrefix(strings.TrimSpace(lines[i-2]), "path: ") {
			return strings.TrimPrefix(strings.TrimSpace(lines[i-2]), "path: ")
		}
	}
	t.Fatalf("no volume etcd-data:\n%s", manifest)
	return ""
}

// requireKubeadm checks that what kubeadm would write for etcd keeps the data where
// they are: that is what an upgrade does.
func (s *scene) requireKubeadm(t *testing.T, dir string) {
	t.Helper()
	config := s.node.Must(t, "kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", "-n", "kube-system",
		"get", "configmap", "kubeadm-config", "-o", "jsonpath={.data.ClusterConfiguration}")
	// The part about this node is where the lab has put it.
	nodes, _, _ := strings.Cut(string(s.node.Read(t, "/opt/kubeadm.yaml")), "\n---\n")
	s.node.Write(t, "/root/kubeadm.yaml", []byte(nodes+"\n---\n"+config), 0o600)
	said := s.node.Must(t, "kubeadm", "init", "phase", "etcd", "local", "--config", "/root/kubeadm.yaml", "--dry-run")
	if !strings.Contains(said, "path: "+dir+"\n") || !strings.Contains(said, "--data-dir="+dir+"\n") {
		t.Errorf("kubeadm would keep the data elsewhere than in %s:\n%s", dir, said)
	}
	// It does not print the manifest, but what it would make it from.
	upgrade := s.node.Must(t, "kubeadm", "upgrade", "node", "--dry-run", "--ignore-preflight-errors=all")
	if !strings.Contains(upgrade, " dataDir: "+dir+"\n") {
		t.Errorf("an upgrade would keep the data elsewhere than in %s:\n%s", dir, upgrade)
	}
}

// requireJSON wants a result that is as its schema says.
func requireJSON(t *testing.T, kind string, r lab.Result) {
	t.Helper()
	requireCode(t, done, r)
	schematest.Require(t, kind, r.Stdout)
}
