// Command bench compares etcdctl-snapshot-x with etcdutl, etcdctl and cp on one
// machine in one run: the contestants take turns, and what is reported are
// medians and ratios. It needs about 20 GB of disk, and root for the part on a
// file system that shares blocks.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func main() {
	o := fixture.TwoGiB()
	rounds := flag.Int("rounds", 5, "how often each contestant runs")
	dir := flag.String("dir", os.TempDir(), "where to work")
	only := flag.String("only", "", "run one group: "+groupNames())
	flag.IntVar(&o.Keys, "keys", o.Keys, "live keys in the database")
	flag.Int64Var(&o.Bytes, "bytes", o.Bytes, "size of the database to aim at")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	note := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	err := etcdtest.Run(ctx, note, func(t etcdtest.T) {
		b := newBench(t, *dir, *rounds, note)
		note("making the snapshot")
		b.options = o
		b.snapshot = b.generate("snapshot.db", 0)
		describeMachine(b, o)
		for _, g := range groups() {
			if *only == "" || *only == g.name {
				b.compare(g)
			}
		}
	})
	if err != nil {
		note("error: %v", err)
		os.Exit(1)
	}
}
