package keyspace

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.uber.org/zap"

	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// TestHistoryLikeEtcd runs random histories with compactions through etcd's own
// store and asks both for what is live at every revision.
func TestHistoryLikeEtcd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 5))
			path := filepath.Join(t.TempDir(), "db")
			be := backend.NewDefaultBackend(zap.NewNop(), path)
			kv := mvcc.NewStore(zap.NewNop(), be, &lease.FakeLessor{}, mvcc.StoreConfig{})
			keys := 1 + rng.IntN(8)
			for range 3 {
				for range rng.IntN(12) {
					write(kv, rng, keys)
				}
				if rng.IntN(2) == 0 && kv.Rev() > 1 {
					compact(t, kv, 1+rng.Int64N(kv.Rev()))
				}
				kv.Commit()
				v := view(t, snapshotOf(t, be))
				for rev := int64(0); rev <= kv.Rev()+1; rev++ {
					sameRange(t, kv, v, rev)
				}
			}
			kv.Close()
			be.Close()
		})
	}
}

// sameRange compares what is live at rev with etcd's answer to a range request.
func sameRange(t *testing.T, kv mvcc.KV, v *View, rev int64) {
	t.Helper()
	theirs, theirErr := kv.Range(t.Context(), []byte{0}, []byte{}, mvcc.RangeOptions{Rev: rev})
	live := map[string]string{}
	records := 0
	err := v.History(t.Context(), rev, nil, func(c Change) error {
		records++
		if c.Live {
			live[string(c.Key)] = fmt.Sprint(string(c.Value), c.Create, c.Mod, c.Version)
			return again(v, c)
		}
		return nil
	})
	switch {
	case errors.Is(theirErr, mvcc.ErrCompacted) && errors.Is(err, ErrCompacted):
	case errors.Is(theirErr, mvcc.ErrFutureRev) && errors.Is(err, ErrFuture):
	case theirErr != nil || err != nil:
		t.Errorf("revision %d: %v, etcd says %v", rev, err, theirErr)
	default:
		want := map[string]string{}
		for _, kv := range theirs.KVs {
			want[string(kv.Key)] = fmt.Sprint(string(kv.Value), kv.CreateRevision, kv.ModRevision, kv.Version)
		}
		if diff := cmp.Diff(want, live); diff != "" {
			t.Errorf("revision %d: -want +got\n%s", rev, diff)
		}
	}
	if err == nil && records < len(live) {
		t.Errorf("revision %d: %d records of %d keys", rev, records, len(live))
	}
}

// again reads c by its revision.
func again(v *View, c Change) error {
	found, err := v.Read(c.Rev, func(kv schema.KeyValue) error {
		if string(kv.Key) != string(c.Key) || string(kv.Value) != string(c.Value) {
			return fmt.Errorf("%s is %s", c.Key, kv.Key)
		}
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%s is not at %v", c.Key, c.Rev)
	}
	return err
}

func TestReadOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	kv := store(t, path)
	kv.Put([]byte("a"), []byte("b"), lease.NoLease)
	kv.Commit()
	v := view(t, copyFile(t, path))
	visit := func(schema.KeyValue) error { t.Error("visited"); return nil }
	for _, rev := range []schema.Revision{{}, {Main: 2, Sub: 1}, {Main: 3}, {Main: 2, Tombstone: true}} {
		if found, err := v.Read(rev, visit); found || err != nil {
			t.Errorf("%+v: %v, %v", rev, found, err)
		}
	}
}
