package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// prefix is what informers look at.
const prefix = "/registry/pods/"

// informer keeps a copy of all keys below prefix as client-go does: it lists,
// watches from there, and lists again only when told that it missed something.
type informer struct {
	client *clientv3.Client
	done   chan struct{}

	mu    sync.Mutex
	lists int
	rev   int64 // of the last list or event
	keys  map[string]string
	err   error
}

func newInformer(t *testing.T, client *clientv3.Client) *informer {
	t.Helper()
	i := &informer{client: client, done: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(i.done)
		for ctx.Err() == nil {
			if err := i.list(ctx); err != nil {
				continue // nobody is there
			}
			if err := i.watch(ctx); !errors.Is(err, rpctypes.ErrCompacted) && ctx.Err() == nil {
				i.mu.Lock()
				i.err = fmt.Errorf("the watch ended with %w", err)
				i.mu.Unlock()
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-i.done })
	return i
}

func (i *informer) list(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	resp, err := i.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = make(map[string]string)
	for _, kv := range resp.Kvs {
		i.keys[string(kv.Key)] = string(kv.Value)
	}
	i.rev = resp.Header.Revision
	i.lists++
	return nil
}

func (i *informer) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for resp := range i.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(i.rev+1)) {
		if err := resp.Err(); err != nil {
			return err
		}
		i.mu.Lock()
		for _, e := range resp.Events {
			i.rev = e.Kv.ModRevision
			if e.Type == clientv3.EventTypeDelete {
				delete(i.keys, string(e.Kv.Key))
			} else {
				i.keys[string(e.Kv.Key)] = string(e.Kv.Value)
			}
		}
		i.mu.Unlock()
	}
	return ctx.Err()
}

// converge waits until the copy equals what the cluster holds, and returns how
// often the informer has listed.
func (i *informer) converge(t *testing.T, client *clientv3.Client) int {
	t.Helper()
	resp, err := client.Get(t.Context(), prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for _, kv := range resp.Kvs {
		want[string(kv.Key)] = string(kv.Value)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		diff := i.diff(want)
		if diff == "" {
			i.mu.Lock()
			defer i.mu.Unlock()
			return i.lists
		}
		if time.Now().After(deadline) {
			t.Fatalf("the informer does not converge: %s (%d lists, at revision %d, %v)", diff, i.lists, i.rev, i.err)
		}
	}
}

func (i *informer) diff(want map[string]string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	for k, v := range want {
		if i.keys[k] != v {
			return k + " differs"
		}
	}
	if len(i.keys) != len(want) {
		return fmt.Sprintf("%d keys instead of %d", len(i.keys), len(want))
	}
	return ""
}

// TestClientsOfTheOldCluster loses a cluster with clients that know revisions
// the snapshot does not, restores it at the same addresses, and looks at what
// those clients see (invariant I5).
func TestClientsOfTheOldCluster(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		for _, compact := range []bool{false, true} {
			t.Run(fmt.Sprintf("compact=%t", compact), func(t *testing.T) {
				t.Parallel()
				clientsOfTheOldCluster(t, v, compact)
			})
		}
	})
}

func clientsOfTheOldCluster(t *testing.T, v etcdtest.Version, compact bool) {
	c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
	c.Start(t)
	client := c.Client(t)
	load, err := etcdtest.LoadKubernetes(t.Context(), client, etcdtest.KubernetesOptions{Nodes: 2, Pods: 10, Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	inf := newInformer(t, c.Client(t))
	file := t.TempDir() + "/snap.db"
	save(t, c, file)
	saved := c.Keys(t, 0)
	if err := load.Churn(t.Context(), 2); err != nil { // lost to the snapshot, seen by clients
		t.Fatal(err)
	}
	if lists := inf.converge(t, client); lists != 1 {
		t.Fatalf("the informer listed %d times on a healthy cluster", lists)
	}
	c.Kill(t)

	args := []string{"--seen-data-dir", c.Members[1].DataDir}
	if compact {
		args = append(args, "--compact")
	}
	p := restoreAll(t, c, file, args...)
	first := p.Revision.Restored
	if p.Revision.Highest < load.Revision || first <= p.Revision.Highest {
		t.Errorf("old clients have seen %d, the result says %+v", load.Revision, p.Revision)
	}
	c.Start(t)

	requireRevision(t, c, first)
	if diff := etcdtest.Diff(saved, c.Keys(t, 0)); diff != "" {
		t.Error(diff)
	}
	requireCompacted(t, c.Client(t), load.Revision, first)
	requireNoGhost(t, c, int64(len(saved)))
	if lists := inf.converge(t, c.Client(t)); lists != 2 {
		t.Errorf("the informer listed %d times, once before and once after would do", lists)
	}
	requireWrite(t, c.Client(t), prefix+"shop/new", first+1)
	if lists := inf.converge(t, c.Client(t)); lists != 2 {
		t.Errorf("the informer listed %d times", lists)
	}
	requireSameHash(t, c, first+1)
}

// save takes a snapshot of a running cluster with the verb save.
func save(t *testing.T, c *etcdtest.Cluster, file string, args ...string) {
	t.Helper()
	args = append([]string{"save", file, "--endpoints", strings.Join(c.Endpoints(), ","), "--progress", "none"}, args...)
	if got := command(t.Context(), nil, args...); got.code != 0 {
		t.Fatalf("save: %+v", got)
	}
}

// requireCompacted wants reads and watches at every old revision refused, and
// the watch told from where to go on.
func requireCompacted(t *testing.T, client *clientv3.Client, old, compacted int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, rev := range []int64{1, old, old + 1, compacted - 1} {
		if _, err := client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(rev)); !errors.Is(err, rpctypes.ErrCompacted) {
			t.Errorf("read at revision %d: %v, want compacted", rev, err)
		}
		resp, open := <-client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(rev))
		if !open || !errors.Is(resp.Err(), rpctypes.ErrCompacted) || resp.CompactRevision != compacted {
			t.Errorf("watch from revision %d: %v at %d, want compacted at %d", rev, resp.Err(), resp.CompactRevision, compacted)
		}
	}
}

// requireNoGhost wants want keys and none without a name, which is what the
// record that a bump leaves must not look like.
func requireNoGhost(t *testing.T, c *etcdtest.Cluster, want int64) {
	t.Helper()
	client := c.Client(t)
	for name, opts := range map[string][]clientv3.OpOption{
		"all":   {clientv3.WithFromKey()},
		"count": {clientv3.WithFromKey(), clientv3.WithCountOnly()},
		"first": {clientv3.WithFromKey(), clientv3.WithLimit(1), clientv3.WithSort(clientv3.SortByKey, clientv3.SortAscend)},
	} {
		resp, err := client.Get(t.Context(), "", opts...)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Count != want {
			t.Errorf("%s: %d keys, want %d", name, resp.Count, want)
		}
		for _, kv := range resp.Kvs {
			if len(kv.Key) == 0 {
				t.Errorf("%s: there is a key without a name: %v", name, kv)
			}
		}
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
