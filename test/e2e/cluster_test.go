//go:build e2e

package e2e

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// Three nodes from one workstation: one cluster goes through all of it, restore after
// restore, since each restore is that of a cluster as any other.
func TestCluster(t *testing.T) {
	f := setUpFleet(t)
	for _, part := range []struct {
		name string
		test func(*testing.T)
	}{
		{"restored", f.testRestored},
		{"fails", f.testFails},
		{"killed", f.testKilled},
		{"cut", f.testCut},
		{"lost", f.testLost},
		{"upload", f.testUpload},
	} {
		if !t.Run(part.name, part.test) {
			return // a cluster that is in doubt proves nothing more
		}
	}
}

// An API server lives, and nobody has an ssh key: save, drift, restore through helper
// pods; restored again and again, by both ways to the nodes; kubeadm would go on from it.
func (f *fleet) testRestored(t *testing.T) {
	rounds := 1 // the other way is taken by all that follows
	if full() {
		rounds = 5
	}
	var run string
	for round := range rounds {
		var way []string // helper pods
		if round%2 == 1 {
			way = f.work.SSH()
		}
		name := "round " + strconv.Itoa(round+1)
		if !t.Run(name, func(t *testing.T) { run = f.round(t, way) }) {
			return
		}
	}
	t.Run("kubeadm goes on", func(t *testing.T) {
		for _, n := range f.Nodes() {
			one := &scene{Lab: f.Lab, node: n}
			one.requireKubeadm(t, hostPath(t, n.Manifests(t)["etcd.yaml"]))
		}
	})
	t.Run("without a verb", func(t *testing.T) {
		r := f.cluster(t)
		requireCode(t, done, r)
		if !strings.Contains(r.Stdout, "3 control-plane nodes are ready") || !strings.Contains(r.Stdout, "kubectl etcd-restore status") {
			t.Errorf("it says\n%s", r.Stdout)
		}
	})
	t.Run("completion", func(t *testing.T) { f.testCompletion(t, run) })
	t.Run("report", func(t *testing.T) {
		r := f.cluster(t, "report", run)
		requireCode(t, done, r)
		if strings.Contains(r.Stdout, "PRIVATE KEY") || !strings.HasPrefix(r.Stdout, "# ") || !strings.Contains(r.Stdout, "cp3") {
			t.Errorf("that is no report:\n%s", r.Stdout)
		}
	})
}

// round saves and restores as people do, and returns the name of the run.
func (f *fleet) round(t *testing.T, way []string) string {
	f.saveOver(t, way...)
	f.restore(t, way...)
	r := f.cluster(t, append([]string{"check", "-o", "json"}, way...)...)
	requireJSON(t, "Check", r)
	var checked struct{ Run string }
	must(t, json.Unmarshal([]byte(r.Stdout), &checked))
	return checked.Run
}
