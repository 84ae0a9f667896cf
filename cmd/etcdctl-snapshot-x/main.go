// Command etcdctl-snapshot-x saves, inspects and restores etcd snapshots.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(snapshotx.Run(ctx, snapshotx.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, os.Args[1:]))
}
