//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/e2e/probe"
)

// Three members, one plan, and nobody at a workstation. Without the plan a node refuses;
// with it none starts its new etcd before all have stopped the old one (I6), and all come
// to be one cluster.
func TestSeveralMembers(t *testing.T) {
	f := setUpFleet(t)
	f.save(t)
	t.Run("not alone", func(t *testing.T) {
		r := f.run(t, restore()...)
		requireCode(t, refused, r)
		if !strings.Contains(r.Stderr, "OldQuorum") || !strings.Contains(r.Stderr, "--member cp2=https://") {
			t.Errorf("it does not say what to do:\n%s", r.Stderr)
		}
		f.requireManifests(t)
	})
	f.planByHand(t)
	t.Run("given up where others do not come", func(t *testing.T) {
		r := f.run(t, "run", planFile, "--yes", "--meet-timeout", "3s")
		requireCode(t, rolledBack, r)
		if !strings.Contains(r.Stderr, "stop/others") {
			t.Errorf("it was something else:\n%s", r.Stderr)
		}
		f.requireOld(t)
	})
	began := time.Now()
	for _, r := range f.everywhere(t, node("run", planFile, "--yes")...) {
		requireCode(t, done, r)
	}
	longest, from := f.history.Gap(began)
	t.Logf("cp1 was not ready for %.1f s, and nobody could write for %.1f s from %v on", f.ready.Downtime(began).Seconds(), longest.Seconds(), from.Format(time.TimeOnly))
	f.requireRestored(t)
}

const planFile = "/root/plan.json"

// planByHand makes one plan on the first node and brings it, and the snapshot, to all.
func (f *fleet) planByHand(t *testing.T) {
	t.Helper()
	plan := []string{"plan", snapshot, "-o", "json"}
	for _, n := range f.Nodes()[1:] {
		plan = append(plan, "--member", n.Name+"=https://"+n.Address(t)+":2380")
	}
	made := f.run(t, plan...)
	requireJSON(t, "NodePlan", made)
	content := f.node.Read(t, snapshot)
	for _, n := range f.Nodes() {
		n.Write(t, snapshot, content, 0o600)
		n.Write(t, planFile, []byte(made.Stdout), 0o600)
	}
}

// everywhere runs a command on all nodes at once.
func (f *fleet) everywhere(t *testing.T, args ...string) []lab.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	results := make([]lab.Result, len(f.Nodes()))
	errs := make([]error, len(results))
	var running sync.WaitGroup
	for i, n := range f.Nodes() {
		running.Go(func() { results[i], errs[i] = n.Try(ctx, args...) })
	}
	running.Wait()
	must(t, errs...)
	return results
}

// requireOneCluster checks that all members answer, as one cluster with one leader and
// the same keys, and that every API server is ready.
func (s *scene) requireOneCluster(t *testing.T) {
	t.Helper()
	var endpoints []string
	for _, n := range s.Nodes() {
		endpoints = append(endpoints, "https://"+n.Address(t)+":2379")
	}
	var status []struct {
		Status struct{ Header struct{ Revision int64 } }
	}
	must(t, json.Unmarshal([]byte(s.node.Must(t, lab.Etcdctl("endpoint", "status", "-w", "json")...)), &status))
	// At one revision, which all have: they go on writing meanwhile.
	said := s.node.Must(t, lab.EtcdctlAt(endpoints, "endpoint", "hashkv", "-w", "json", "--rev", strconv.FormatInt(status[0].Status.Header.Revision, 10))...)
	var hashes []struct {
		Endpoint string
		HashKV   struct {
			Header struct {
				ClusterID uint64 `json:"cluster_id"`
			}
			Hash uint32
		}
	}
	must(t, json.Unmarshal([]byte(said), &hashes))
	if len(hashes) != len(endpoints) {
		t.Fatalf("%d members answer:\n%s", len(hashes), said)
	}
	for _, h := range hashes[1:] {
		if h.HashKV.Hash != hashes[0].HashKV.Hash || h.HashKV.Header.ClusterID != hashes[0].HashKV.Header.ClusterID {
			t.Errorf("%s differs from %s:\n%s", h.Endpoint, hashes[0].Endpoint, said)
		}
	}
	for _, n := range s.Nodes() {
		config, err := probe.Config(s.Kubeconfig(), n.Address(t))
		must(t, err)
		ready, err := probe.Watch(t.Context(), config)
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		err = ready.WaitReady(ctx, time.Second)
		cancel()
		ready.Close()
		if err != nil {
			t.Error(fmt.Errorf("%s: %w", n.Name, err))
		}
	}
}
