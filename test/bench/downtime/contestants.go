package main

import (
	"fmt"
	"time"
)

// contestant restores the snapshot in its way. The new directory is for it to use.
type contestant struct {
	name string
	run  func(c *cluster, round int)
}

const runbookName = "runbook"

// runbook is "Restoring an etcd cluster" of kubernetes.io in the hands of somebody who
// knows it by heart, has all values at hand and loses no time. What it does better
// than that page: it raises the revision, gives the cluster a token of its own, and
// watches the containers instead of waiting for a while.
const runbook = `#!/bin/bash
set -euo pipefail
snapshot=$1 old=$2 new=$3 name=$4 peer=$5
manifests=/etc/kubernetes/manifests away=/etc/kubernetes/away

mkdir -p $away
mv $manifests/*.yaml $away/
# The kubelet looks at the folder and stops the containers.
while pgrep -x 'etcd|kube-apiserver|kube-controller|kube-scheduler' >/dev/null; do sleep 0.2; done
echo "stopped after $SECONDS s"

etcdutl snapshot restore "$snapshot" --data-dir "$new" --name "$name" \
	--initial-cluster "$name=$peer" --initial-advertise-peer-urls "$peer" \
	--initial-cluster-token "restored-$RANDOM$RANDOM" \
	--bump-revision 1000000000 --mark-compacted >/dev/null 2>&1
echo "restored after $SECONDS s"

sed -i "s|path: $old\$|path: $new|" $away/etcd.yaml
mv $away/*.yaml $manifests/
`

func byHand() contestant {
	return contestant{"the runbook by hand", func(c *cluster, round int) {
		address := c.node.Address(c.t)
		said := c.node.Must(c.t, runbookName, snapshot, c.dataDir(), fmt.Sprintf("/var/lib/etcd-%s-%d", time.Now().Format("150405"), round),
			c.node.Name, "https://"+address+":2380")
		c.t.Logf("%s", said)
	}}
}

func ours() contestant {
	return contestant{"kubectl etcd-restore node run", func(c *cluster, _ int) {
		c.node.Must(c.t, pluginName, "node", "run", snapshot, "--yes")
	}}
}
