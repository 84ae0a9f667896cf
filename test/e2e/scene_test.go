//go:build e2e

package e2e

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/e2e/probe"
)

const snapshot = "/root/snap.db"

// scene is a cluster of one node with a workload, an informer that runs all the time,
// and the question five times a second whether the API server is ready.
type scene struct {
	*lab.Lab
	node      *lab.Node
	config    *rest.Config
	ready     *probe.Readiness
	objects   *probe.Objects
	informer  *probe.Informer
	manifests map[string]string // when the last snapshot was taken
}

// setUp brings it up.
func setUp(t *testing.T, o lab.Options) *scene {
	t.Helper()
	t.Parallel()
	takeRoom(t, o)
	o.Programs = programs()
	s := &scene{Lab: lab.Up(t, o)}
	s.node = s.Node(1)
	var err error
	s.config, err = probe.Config(s.Kubeconfig(), s.node.Address(t))
	must(t, err)
	s.ready, err = probe.Watch(t.Context(), s.config)
	must(t, err)
	t.Cleanup(s.ready.Close)
	s.wait(t, time.Minute)
	s.objects, err = probe.NewObjects(t.Context(), s.config, "shop")
	must(t, err)
	s.informer, err = probe.Inform(t.Context(), s.config, "shop")
	must(t, err)
	t.Cleanup(s.informer.Close)
	return s
}

// save makes the state that a restore has to bring back, takes the snapshot, and goes
// on to another state. It can be called again on what a restore or a rollback left.
func (s *scene) save(t *testing.T) {
	t.Helper()
	s.saveWith(t, func() {
		s.node.Must(t, "rm", "-f", snapshot)
		s.node.Snapshot(t, snapshot)
	})
}

// saveWith is save, with a snapshot that is taken in another way.
func (s *scene) saveWith(t *testing.T, take func()) {
	t.Helper()
	ctx := t.Context()
	image := s.node.Image(t, "pause")
	must(t, s.objects.Clear(ctx, "later"), s.objects.ClearDeployment(ctx, "late"), s.objects.ClearDeployment(ctx, "fresh"))
	must(t, s.objects.Set(ctx, "kept", "old"), s.objects.Set(ctx, "deleted", "old"), s.objects.Deploy(ctx, "web", image, 2))
	s.eventually(t, func(ctx context.Context) error { return s.objects.Reconciled(ctx, "web", 2) })
	take()
	must(t, s.objects.Set(ctx, "kept", "new"), s.objects.Clear(ctx, "deleted"), s.objects.Set(ctx, "later", "new"),
		s.objects.Deploy(ctx, "web", image, 1), s.objects.Deploy(ctx, "late", image, 1))
	s.eventually(t, func(ctx context.Context) error { return s.objects.Reconciled(ctx, "late", 1) })
	s.eventually(t, func(ctx context.Context) error { return s.informer.Check(ctx, after()) })
	s.manifests = s.node.Manifests(t)
}

func before() map[string]string { return map[string]string{"kept": "old", "deleted": "old"} }

func after() map[string]string { return map[string]string{"kept": "new", "later": "new"} }

// requireRestored checks that the cluster is what it was when save took the snapshot,
// and works: the controllers act, and the informer has caught up by itself.
func (s *scene) requireRestored(t *testing.T) {
	t.Helper()
	s.wait(t, 2*time.Minute)
	s.eventually(t, func(ctx context.Context) error { return s.informer.Check(ctx, before()) })
	s.eventually(t, func(ctx context.Context) error { return s.objects.Reconciled(ctx, "web", 2) })
	s.eventually(t, func(ctx context.Context) error { return s.objects.Gone(ctx, "late") })
	s.requireAlive(t)
}

// requireOld checks that the cluster is what it was after save, with the manifests
// byte for byte as they were.
func (s *scene) requireOld(t *testing.T) {
	t.Helper()
	s.requireManifests(t)
	s.wait(t, 2*time.Minute)
	s.eventually(t, func(ctx context.Context) error { return s.informer.Check(ctx, after()) })
	s.eventually(t, func(ctx context.Context) error { return s.objects.Reconciled(ctx, "late", 1) })
	s.requireAlive(t)
}

// requireAlive checks that what is written now comes to the informer, too.
func (s *scene) requireAlive(t *testing.T) {
	t.Helper()
	image := s.node.Image(t, "pause")
	must(t, s.objects.Deploy(t.Context(), "fresh", image, 1))
	s.eventually(t, func(ctx context.Context) error { return s.objects.Reconciled(ctx, "fresh", 1) })
}

// run runs the plugin on the node: kubectl etcd-restore node VERB ARG...
func (s *scene) run(t *testing.T, args ...string) lab.Result {
	t.Helper()
	r := s.node.Run(t, node(args...)...)
	t.Logf("node %v ended with %d after %.1f s", args, r.Code, r.Took.Seconds())
	return r
}

// node is the plugin's command line.
func node(args ...string) []string { return append([]string{plugin, "node"}, args...) }

// restore is the command line that everybody uses.
func restore(flags ...string) []string { return append([]string{"run", snapshot, "--yes"}, flags...) }

func (s *scene) requireManifests(t *testing.T) {
	t.Helper()
	requireEqual(t, "the manifests", s.manifests, s.node.Manifests(t))
}

// wait waits until the API server has been ready for a second.
func (s *scene) wait(t *testing.T, most time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	must(t, s.ready.WaitReady(ctx, time.Second))
}

func (s *scene) eventually(t *testing.T, ask func(context.Context) error) {
	t.Helper()
	must(t, lab.Eventually(t.Context(), 2*time.Minute, ask))
}

// down waits until the API server is not ready.
func (s *scene) down(t *testing.T) {
	t.Helper()
	s.eventually(t, func(context.Context) error {
		if s.ready.Now() {
			return errors.New("the API server is ready")
		}
		return nil
	})
}
