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

// Three members, one plan. Without it a node refuses; with it none starts its new etcd
// before all have stopped the old one (I6), and all come to be one cluster.
func TestSeveralMembers(t *testing.T) {
	s := setUp(t, lab.Options{Nodes: 3})
	s.save(t)
	content := s.node.Read(t, snapshot)
	t.Run("not alone", func(t *testing.T) {
		r := s.run(t, restore()...)
		requireCode(t, refused, r)
		if !strings.Contains(r.Stderr, "OldQuorum") || !strings.Contains(r.Stderr, "--member cp2=https://") {
			t.Errorf("it does not say what to do:\n%s", r.Stderr)
		}
		s.requireManifests(t)
	})

	plan := []string{"plan", snapshot, "-o", "json"}
	for _, n := range s.Nodes()[1:] {
		plan = append(plan, "--member", n.Name+"=https://"+n.Address(t)+":2380")
	}
	made := s.run(t, plan...)
	requireCode(t, done, made)
	for _, n := range s.Nodes() {
		n.Write(t, snapshot, content, 0o600)
		n.Write(t, "/root/plan.json", []byte(made.Stdout), 0o600)
	}

	t.Run("given up where others do not come", func(t *testing.T) {
		r := s.run(t, "run", "/root/plan.json", "--yes", "--meet-timeout", "3s")
		requireCode(t, rolledBack, r)
		if !strings.Contains(r.Stderr, "stop/others") {
			t.Errorf("it was something else:\n%s", r.Stderr)
		}
		s.requireOld(t)
	})

	began := time.Now()
	results := make([]lab.Result, len(s.Nodes()))
	errs := make([]error, len(results))
	var running sync.WaitGroup
	for i, n := range s.Nodes() {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			results[i], errs[i] = n.Try(ctx, node("run", "/root/plan.json", "--yes")...)
		})
	}
	running.Wait()
	must(t, errs...)
	for _, r := range results {
		requireCode(t, done, r)
	}
	t.Logf("the API server of cp1 was not ready for %.1f s", s.ready.Downtime(began).Seconds())
	s.requireRestored(t)
	s.requireOneCluster(t)
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
