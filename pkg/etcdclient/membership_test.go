package etcdclient_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// A learner is added, cannot be promoted before it has started, and is removed.
func TestMembership(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		cluster := etcdtest.New(t, etcdtest.Config{Version: v})
		cluster.Start(t)
		endpoint := cluster.Endpoints()[0]
		client := dial(t, etcdclient.Config{Endpoints: []string{endpoint}})
		const peer = "http://127.0.0.1:1"
		var id uint64
		try(t, func(ctx context.Context) (err error) {
			id, err = client.AddLearner(ctx, endpoint, []string{peer})
			return err
		})
		if _, err := client.AddLearner(t.Context(), endpoint, []string{"http://127.0.0.1:2"}); !errors.Is(err, etcdclient.ErrReconfigure) {
			t.Errorf("a second learner: %v", err)
		}
		if err := client.Promote(t.Context(), endpoint, id); !errors.Is(err, etcdclient.ErrNotInSync) {
			t.Errorf("promoted: %v", err)
		}
		members, err := client.MemberList(t.Context(), endpoint)
		if err != nil || len(members) != 2 || !members[1].Learner && !members[0].Learner {
			t.Errorf("%+v, %v", members, err)
		}
		try(t, func(ctx context.Context) error { return client.Remove(ctx, endpoint, id) })
		if members, err = client.MemberList(t.Context(), endpoint); err != nil || len(members) != 1 {
			t.Errorf("%+v, %v", members, err)
		}
	})
}

// try does something until etcd agrees: it wants to have seen its members for some time.
func try(t *testing.T, do func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := do(ctx)
		if err == nil {
			return
		}
		if !errors.Is(err, etcdclient.ErrReconfigure) {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
			t.Fatal(err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
