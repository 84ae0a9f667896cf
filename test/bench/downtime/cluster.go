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
	node       *lab.Node
	ready      *probe.Readiness
	withPlugin bool
}

func setUp(t etcdtest.T, programs map[string]string) *cluster {
	l := lab.Up(t, lab.Options{Quota: 8 << 30, Programs: programs})
	c := &cluster{t: t, node: l.Node(1), withPlugin: len(programs) > 0}
	config, err := probe.Config(l.Kubeconfig(), c.node.Address(t))
	if err == nil {
		c.ready, err = probe.Watch(t.Context(), config)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(c.ready.Close)
	c.node.Write(t, "/opt/bin/"+runbookName, []byte(runbook), 0o755)
	c.settle()
	return c
}

// settle waits until the cluster is at rest: the kubelet has forgotten the pods of the
// round before, whose back-off would count for the next.
func (c *cluster) settle() {
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Minute)
	defer cancel()
	if err := c.ready.WaitReady(ctx, 20*time.Second); err != nil {
		c.t.Fatalf("%v", err)
	}
	c.node.Must(c.t, "sync")
}

// dataDir is where etcd keeps its data now.
func (c *cluster) dataDir() string {
	lines := strings.Split(c.node.Manifests(c.t)["etcd.yaml"], "\n")
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
	c.node.Shell(c.t, `for dir in /var/lib/etcd /var/lib/etcd-* /var/lib/etcd.*; do
		[[ ! -d $dir || $dir == "$1" || $dir == /var/lib/etcd-restore ]] || rm -rf "$dir"
	done`, c.dataDir())
}

// size of the snapshot in bytes.
func (c *cluster) size() string {
	return strings.TrimSpace(c.node.Must(c.t, "stat", "-c", "%s", snapshot))
}

func (c *cluster) describe(name string) {
	fmt.Printf("\n### %s, snapshot of %s bytes\n\n", name, c.size())
}
