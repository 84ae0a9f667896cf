package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// contestant restores the snapshot in its way. The new directory is for it to use.
type contestant struct {
	name string
	run  func(c *cluster, round int)
}

const runbookName = "runbook"

// runbook is "Restoring an etcd cluster" of kubernetes.io in the hands of somebody who
// knows it by heart, has all values at hand and loses no time: stop every API server and
// etcd, restore every member, start them again; one node after the other, since these are
// two hands. What it does better than that page: it raises the revision, gives the cluster
// a token of its own, and watches the containers instead of waiting for a while.
const runbook = `#!/bin/bash
set -euo pipefail
manifests=/etc/kubernetes/manifests away=/etc/kubernetes/away
case $1 in
stop)
	mkdir -p $away
	mv $manifests/*.yaml $away/
	# The kubelet looks at the folder and stops the containers.
	while pgrep -x 'etcd|kube-apiserver|kube-controller|kube-scheduler' >/dev/null; do sleep 0.2; done
	;;
restore)
	snapshot=$2 old=$3 new=$4 name=$5 peer=$6 cluster=$7 token=$8
	etcdutl snapshot restore "$snapshot" --data-dir "$new" --name "$name" \
		--initial-cluster "$cluster" --initial-advertise-peer-urls "$peer" --initial-cluster-token "$token" \
		--bump-revision 1000000000 --mark-compacted >/dev/null 2>&1
	sed -i "s|path: $old\$|path: $new|" $away/etcd.yaml
	;;
start) mv $away/*.yaml $manifests/ ;;
esac
echo "$1: $SECONDS s"
`

func byHand() contestant {
	return contestant{"the runbook by hand", func(c *cluster, round int) {
		token := fmt.Sprintf("restored-%s-%d", time.Now().Format("150405"), round)
		var members, old []string
		for _, n := range c.nodes {
			members, old = append(members, n.Name+"="+peer(c, n)), append(old, c.dataDir(n))
		}
		for _, n := range c.nodes {
			c.hand(n, "stop")
		}
		for i, n := range c.nodes {
			c.hand(n, "restore", snapshot, old[i], "/var/lib/etcd-"+token, n.Name, peer(c, n), strings.Join(members, ","), token)
		}
		for _, n := range c.nodes {
			c.hand(n, "start")
		}
	}}
}

// hand does a part of the runbook on a node.
func (c *cluster) hand(n *lab.Node, args ...string) {
	c.t.Logf("%s %s", n.Name, strings.TrimSpace(n.Must(c.t, append([]string{runbookName}, args...)...)))
}

func peer(c *cluster, n *lab.Node) string { return "https://" + n.Address(c.t) + ":2380" }

func (c *cluster) ours() contestant {
	if len(c.nodes) == 1 {
		return contestant{"kubectl etcd-restore node run", func(c *cluster, _ int) {
			c.node.Must(c.t, pluginName, "node", "run", snapshot, "--yes")
		}}
	}
	return contestant{"kubectl etcd-restore run", func(c *cluster, _ int) {
		r := c.work.Run(c.t, append([]string{pluginName, "run", c.work.Path("snap.db"), "--yes"}, c.work.SSH()...)...)
		if r.Code != 0 {
			c.t.Fatalf("ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
		}
		c.t.Logf("%s", r.Stderr) // with what each step took
	}}
}
