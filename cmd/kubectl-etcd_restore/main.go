// Command kubectl-etcd_restore restores the etcd of a kubeadm cluster. As a plugin
// of kubectl it is kubectl etcd-restore.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/etcd-restore/etcd-restore/plugins/etcdrestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(etcdrestore.Run(ctx, etcdrestore.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, os.Args[1:]))
}
