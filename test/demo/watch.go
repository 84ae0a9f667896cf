package main

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// watch is an open watch. Its fields are valid once done is closed.
type watch struct {
	done      chan struct{}
	events    int
	seen      int64 // revision of the last event
	compacted int64 // what the server said when it ended the watch
	err       error
}

// watchFrom watches the pods from the revision after rev, which is where an
// informer begins when its list was of revision rev. The client reconnects by
// itself and goes on where it was, until the server says that it cannot.
func watchFrom(ctx context.Context, client *clientv3.Client, rev int64) *watch {
	w := &watch{done: make(chan struct{})}
	responses := client.Watch(ctx, "/registry/pods/", clientv3.WithPrefix(), clientv3.WithRev(rev+1))
	go func() {
		defer close(w.done)
		for resp := range responses {
			w.events += len(resp.Events)
			for _, event := range resp.Events {
				w.seen = event.Kv.ModRevision
			}
			w.compacted, w.err = resp.CompactRevision, resp.Err()
		}
	}()
	return w
}
