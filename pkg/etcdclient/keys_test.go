package etcdclient_test

import (
	"context"
	"strconv"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// fill writes n keys in few transactions, of which each is one revision.
func fill(ctx context.Context, c *clientv3.Client, n int, value string) error {
	var ops []clientv3.Op
	for i := range n {
		ops = append(ops, clientv3.OpPut("key-"+strconv.Itoa(i), value))
		if len(ops) == 100 || i == n-1 {
			if _, err := c.Txn(ctx).Then(ops...).Commit(); err != nil {
				return err
			}
			ops = nil
		}
	}
	return nil
}

// TestKeys reads more keys than one page has, while others are written.
func TestKeys(t *testing.T) {
	t.Parallel()
	cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	cluster.Start(t)
	raw := cluster.Client(t)
	const n = 5003 // the page after the first has three
	if err := fill(t.Context(), raw, n, "x"); err != nil {
		t.Fatal(err)
	}
	r, err := raw.Put(t.Context(), "other", "x")
	if err != nil {
		t.Fatal(err)
	}
	last := r.Header.Revision
	endpoint := cluster.Endpoints()[0]
	client := dial(t, etcdclient.Config{Endpoints: []string{endpoint}})
	var keys []etcdclient.Key
	revision, err := client.Keys(t.Context(), endpoint, "key-", func(k etcdclient.Key) error {
		keys = append(keys, k)
		if len(keys) > 1 {
			return nil
		}
		return fill(t.Context(), raw, n+100, "y")
	})
	if err != nil || revision != last || len(keys) != n || string(keys[0].Key) != "key-0" || string(keys[n-1].Key) != "key-999" {
		t.Fatalf("%d keys at revision %d, not %d: %v", len(keys), revision, last, err)
	}
	for _, k := range keys {
		if k.Create != k.Mod || k.Mod < 2 || k.Mod >= last {
			t.Fatalf("%s was created at %d, changed at %d", k.Key, k.Create, k.Mod)
		}
	}
	all := 0
	if _, err := client.Keys(t.Context(), endpoint, "", func(etcdclient.Key) error { all++; return nil }); err != nil || all != n+101 {
		t.Errorf("%d keys, %v", all, err)
	}
	for key, want := range map[string]string{"key-7": "x", "key-5003": "", "nothing": ""} {
		if got, err := client.Value(t.Context(), endpoint, key, revision); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", key, got, err)
		}
	}
	if _, err := raw.Compact(t.Context(), revision+1); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Value(t.Context(), endpoint, "key-7", revision); err == nil {
		t.Error("a revision that is gone was read")
	}
	if _, err := client.Keys(t.Context(), "http://elsewhere", "", nil); err == nil {
		t.Error("an endpoint that was not given was asked")
	}
}
