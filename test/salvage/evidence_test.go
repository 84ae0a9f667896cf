package salvage

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// evidence is what a running cluster holds at a revision, and how it got there.
type evidence struct {
	rev, compacted int64
	hash           uint32 // HashKV at rev
	keys           []*mvccpb.KeyValue
	events         map[int64][]*mvccpb.Event // by revision, from compacted+1 to rev
	leases         map[clientv3.LeaseID][]string
	auth           []string // users, roles, permissions, and who can log in
}

// gather asks one member.
func gather(t *testing.T, m *etcdtest.Member, rev int64) evidence {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client := m.Client(t)
	hash := m.HashKV(t, rev)
	e := evidence{rev: rev, compacted: hash.CompactRevision, hash: hash.Hash}
	resp, err := client.Get(ctx, "", clientv3.WithFromKey(), clientv3.WithRev(rev))
	if err != nil {
		t.Fatalf("keys of %s at revision %d: %v", m.Name, rev, err)
	}
	e.keys = resp.Kvs
	if e.events, err = history(ctx, client, max(e.compacted, 0)+1, rev); err != nil {
		t.Fatalf("history of %s from %d to %d: %v", m.Name, e.compacted, rev, err)
	}
	if e.leases, err = leases(ctx, client); err != nil {
		t.Fatalf("leases of %s: %v", m.Name, err)
	}
	return e
}

// below returns the keys with a prefix.
func (e evidence) below(prefix string) (kvs []*mvccpb.KeyValue) {
	for _, kv := range e.keys {
		if strings.HasPrefix(string(kv.Key), prefix) {
			kvs = append(kvs, kv)
		}
	}
	return kvs
}

// history collects all events from one revision to another. Every revision has
// events, so the last one says when to stop.
func history(ctx context.Context, client *clientv3.Client, from, to int64) (map[int64][]*mvccpb.Event, error) {
	events := make(map[int64][]*mvccpb.Event)
	if from > max(to, 1) || to == 1 { // nothing was ever written, or nothing since the compaction
		return events, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for resp := range client.Watch(ctx, "", clientv3.WithFromKey(), clientv3.WithRev(from)) {
		if err := resp.Err(); err != nil {
			return nil, err
		}
		for _, event := range resp.Events {
			e := (*mvccpb.Event)(event)
			if e.Kv.ModRevision <= to {
				events[e.Kv.ModRevision] = append(events[e.Kv.ModRevision], e)
			}
		}
		if len(resp.Events) > 0 && resp.Events[len(resp.Events)-1].Kv.ModRevision >= to {
			return events, nil
		}
	}
	return nil, fmt.Errorf("the watch ended before revision %d: %w", to, ctx.Err())
}

// leases lists all leases with the keys attached to them.
func leases(ctx context.Context, client *clientv3.Client) (map[clientv3.LeaseID][]string, error) {
	list, err := client.Leases(ctx)
	if err != nil {
		return nil, err
	}
	found := make(map[clientv3.LeaseID][]string)
	for _, l := range list.Leases {
		ttl, err := client.TimeToLive(ctx, l.ID, clientv3.WithAttachedKeys())
		if err != nil {
			return nil, err
		}
		found[l.ID] = attached(ttl.Keys)
	}
	return found, nil
}

func attached(keys [][]byte) []string {
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return names
}

// sameEvents tells whether a revision did exactly what a request had to do. The
// order within a revision is etcd's own business.
func sameEvents(want, got []*mvccpb.Event) bool {
	if len(want) != len(got) {
		return false
	}
	byKey := func(a, b *mvccpb.Event) int { return bytes.Compare(a.Kv.Key, b.Kv.Key) }
	want, got = slices.SortedFunc(slices.Values(want), byKey), slices.SortedFunc(slices.Values(got), byKey)
	return slices.EqualFunc(want, got, func(w, g *mvccpb.Event) bool {
		return w.Type == g.Type && sameKV(w.Kv, g.Kv)
	})
}

func sameKV(w, g *mvccpb.KeyValue) bool {
	return etcdtest.Diff([]*mvccpb.KeyValue{w}, []*mvccpb.KeyValue{g}) == ""
}
