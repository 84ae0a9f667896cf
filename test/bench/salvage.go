package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// entries is how many the log holds beyond the db.
const entries = 200_000

// crashSmall leaves the directory of a member whose db is empty and whose log
// holds everything.
func (b *bench) crashSmall() { b.crash(filepath.Join(b.dir, "crashed")) }

// crashLarge leaves one whose db is the snapshot of the other groups.
func (b *bench) crashLarge() {
	dir := filepath.Join(b.dir, "crashed large")
	b.exec(b.ours, "restore", b.snapshot, "--all-members", "--output-dir", dir,
		"--initial-cluster", initialCluster(1), "--bump-revision=0", "--mark-compacted=false")
	b.crash(filepath.Join(dir, "m1.etcd"))
}

// crash runs an etcd on dataDir that never writes its db, and kills it under load.
func (b *bench) crash(dataDir string) {
	m := b.member(dataDir)
	m.Args = []string{
		"--backend-batch-interval", "24h", "--backend-batch-limit", "1000000000",
		"--snapshot-count", "1000000000", "--unsafe-no-fsync",
	}
	m.Start(b.t)
	m.Ready(b.t)
	client := m.Client(b.t)
	var g errgroup.Group
	const writers = 100
	for w := range writers {
		g.Go(func() error {
			for i := w; i < entries; i += writers {
				if _, err := client.Put(b.t.Context(), fmt.Sprintf("/registry/pods/namespace-%d/object-%d", i%97, i%20_000), value(i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.t.Fatalf("%v", err)
	}
	b.requireEntries(client, m)
	m.Kill(b.t)
}

func value(i int) string { return fmt.Sprintf("%0*d", 100+i%10*100, i) }

func (b *bench) requireEntries(client *clientv3.Client, m *etcdtest.Member) {
	status, err := client.Status(b.t.Context(), m.ClientURL)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	if status.RaftAppliedIndex < entries {
		b.t.Fatalf("the log has %d entries", status.RaftAppliedIndex)
	}
}

// copyCrashed gives a contestant a directory of its own, since etcd changes it.
func copyCrashed(name string) func(*bench) {
	return func(b *bench) { b.exec("cp", "-a", filepath.Join(b.dir, name), b.out("crashed")) }
}

// forceNewCluster measures an etcd from its start on the copy until it answers.
func forceNewCluster(name string) func(*bench) sample {
	return func(b *bench) sample {
		m := b.member(b.out(filepath.Join("crashed", name)))
		m.Args = []string{"--force-new-cluster"}
		start := time.Now()
		m.Start(b.t)
		m.Ready(b.t)
		took := time.Since(start)
		rss := peak(b, m.PID())
		m.Kill(b.t)
		return sample{took: took, rss: rss}
	}
}

func (b *bench) salvage(name string) sample {
	return b.exec(b.ours, "salvage", b.out(filepath.Join("crashed", name)), "-o", b.out("salvaged.db"), "--tail=committed")
}

// peak is the largest resident set that a running process has had.
func peak(b *bench, pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	for line := range bytes.Lines(status) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "VmHWM:" {
			kib, _ := strconv.ParseInt(string(f[1]), 10, 64)
			return kib << 10
		}
	}
	return 0
}
