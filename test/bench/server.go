package main

import (
	"path/filepath"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// startServer starts an etcd 3.7 that serves the database, for the saves.
func (b *bench) startServer() {
	b.exec(b.ours, "restore", b.snapshot, "--all-members", "--output-dir", filepath.Join(b.dir, "server"),
		"--initial-cluster", initialCluster(1), "--bump-revision=0", "--mark-compacted=false")
	m := b.member(filepath.Join(b.dir, "server", "m1.etcd"))
	m.Start(b.t)
	m.Ready(b.t)
	b.endpoint = m.ClientURL
}

// boot measures an etcd 3.7 from its start on the restored directory until it
// answers a read, and then kills it.
func (b *bench) boot() sample {
	m := b.member(b.out("m1.etcd"))
	start := time.Now()
	m.Start(b.t)
	m.Ready(b.t)
	took := time.Since(start)
	m.Kill(b.t)
	return sample{took: took}
}

// member is an etcd 3.7 that is going to run on a restored directory. It elects
// itself quickly: the random wait before that, up to a second by default, would
// hide what is measured.
func (b *bench) member(dataDir string) *etcdtest.Member {
	c := etcdtest.New(b.t, etcdtest.Config{Version: etcdtest.V37, Args: []string{
		"--quota-backend-bytes", "8589934592", "--heartbeat-interval", "10", "--election-timeout", "100",
	}})
	m := c.Members[0]
	m.DataDir = dataDir
	return m
}
