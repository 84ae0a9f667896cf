// Command demo plays the main job of etcd-restore with real servers: a
// three-member etcd with TLS loses two members for good and comes back whole.
// It prints what a person would type and checks every claim; run `make demo`.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := etcdtest.Run(ctx, logf, play)
	if err != nil {
		fmt.Fprintf(os.Stderr, "\nDEMO FAILED: %v\n", err)
		os.Exit(1)
	}
}

// logf gets the servers' last words after a failure.
func logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// play is the plot, from a healthy cluster to the same one restored.
func play(t etcdtest.T) {
	s := newStage(t)
	s.boot()
	watch := s.openWatch()
	saved := s.save()
	highest := s.carryOn()
	s.destroy()
	s.restore()
	s.bootRestored()
	s.prove(saved, highest, watch)
	s.curtain()
}
