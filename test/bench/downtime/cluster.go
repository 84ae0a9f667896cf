package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/e2e/probe"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

const (
	pluginName = "kubectl-etcd_restore"
	snapshot   = "/root/snap.db"
)

// cluster is where all rounds take place.
type cluster struct {
	t          etcdtest.T
	nodes      []*lab.Node
	node       *lab.Node          // the first
	ready      []*probe.Readiness // of the API server of each node
	work       *lab.Workstation
	withPlugin bool
}

func setUp(t etcdtest.T, nodes int, programs map[string]string) *cluster {
	l := lab.Up(t, lab.Options{Nodes: nodes, Quota: 8 << 30, Programs: programs})
	c := &cluster{t: t, nodes: l.Nodes(), node: l.Node(1), work: l.Workstation(t, programs), withPlugin: len(programs) > 0}
	for _, n := range c.nodes {
		config, err := probe.Config(l.Kubeconfig(), n.Address(t))
		var ready *probe.Readiness
		if err == nil {
			ready, err = probe.Watch(t.Context(), config)
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
		t.Cleanup(ready.Close)
		c.ready = append(c.ready, ready)
		n.Write(t, "/opt/bin/"+runbookName, []byte(runbook), 0o755)
	}
	c.settle()
	return c
}

// settle waits until the cluster is at rest: the kubelet has forgotten the pods of the
// round before, whose back-off would count for the next.
func (c *cluster) settle() {
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Minute)
	defer cancel()
	for _, ready := range c.ready {
		if err := ready.WaitReady(ctx, 20*time.Second); err != nil {
			c.t.Fatalf("%v", err)
		}
	}
	c.node.Must(c.t, "sync")
}

// dataDir is where a node's etcd keeps its data now.
func (c *cluster) dataDir(n *lab.Node) string {
	lines := strings.Split(n.Manifests(c.t)["etcd.yaml"], "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) == "name: etcd-data" && i >= 2 && strings.Contains(lines[i-2], "path:") {
			return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[i-2]), "path:"))
		}
	}
	c.t.Fatalf("no data directory in etcd's manifest")
	return ""
}

// clean deletes the data of earlier rounds, for the disk's sake.
func (c *cluster) clean() {
	for _, n := range c.nodes {
		n.Shell(c.t, `for dir in /var/lib/etcd /var/lib/etcd-* /var/lib/etcd.*; do
			[[ ! -d $dir || $dir == "$1" || $dir == /var/lib/etcd-restore ]] || rm -rf "$dir"
		done`, c.dataDir(n))
	}
}

// size of the snapshot in bytes.
func (c *cluster) size() string {
	return strings.TrimSpace(c.node.Must(c.t, "stat", "-c", "%s", snapshot))
}

func (c *cluster) describe(name string) {
	fmt.Printf("\n### %s, snapshot of %s bytes\n\n", name, c.size())
}
