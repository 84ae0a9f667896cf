// Command downtime measures for how long the API servers of a real cluster of one
// control-plane node, or three, are not ready while a snapshot is restored: by hand, after
// the procedure of kubernetes.io, and with kubectl etcd-restore. The two take turns on one
// cluster with one snapshot; what is reported are medians and ratios, with a database
// as kubeadm makes it and with one of 2 GiB, most of it under keys that no API server
// lists. It needs what test/lab needs, and 40 GB of disk.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func main() {
	nodes := flag.Int("nodes", 1, "1 or 3 control-plane nodes")
	rounds := flag.Int("rounds", 5, "how often each of the two restores each database")
	size := flag.Int64("bytes", 2<<30, "size of the large database")
	only := flag.String("only", "", "one database: tiny or large")
	plugin := flag.String("plugin", "bin/kubectl-etcd_restore", "the plugin; empty: by hand only")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	note := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	err := etcdtest.Run(ctx, note, func(t etcdtest.T) {
		programs := map[string]string{}
		if *plugin != "" {
			file, err := filepath.Abs(*plugin)
			if err != nil {
				t.Fatalf("%v", err)
			}
			programs[pluginName] = file
		}
		c := setUp(t, *nodes, programs)
		var tiny, large result
		if *only != "large" {
			tiny = c.compare("tiny database", *rounds)
		}
		if *only != "tiny" {
			c.fill(*size)
			large = c.compare(fmt.Sprintf("database of %.1f GiB", float64(*size)/(1<<30)), *rounds)
		}
		c.report(tiny, large)
	})
	if err != nil {
		note("error: %v", err)
		os.Exit(1)
	}
}
