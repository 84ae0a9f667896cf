package keyspace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/backend"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.uber.org/zap"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// store is etcd's own over a database at path.
func store(t *testing.T, path string) mvcc.KV {
	t.Helper()
	be := backend.NewDefaultBackend(zap.NewNop(), path)
	kv := mvcc.NewStore(zap.NewNop(), be, &lease.FakeLessor{}, mvcc.StoreConfig{})
	t.Cleanup(func() {
		kv.Close()
		be.Close()
	})
	return kv
}

// view opens a copy of the database at path, as a snapshot is one.
func view(t *testing.T, path string) *View {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	db, err := boltfile.New(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	v, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func copyFile(t *testing.T, from string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// write makes a transaction of up to three changes.
func write(kv mvcc.KV, rng *rand.Rand, keys int) {
	tx := kv.Write(traceutil.TODO())
	defer tx.End()
	for _, i := range rng.Perm(keys)[:1+rng.IntN(min(3, keys))] {
		key := fmt.Appendf(nil, "key-%d", i)
		if rng.IntN(3) == 0 {
			tx.DeleteRange(key, nil)
		} else {
			tx.Put(key, fmt.Appendf(nil, "value %d", rng.Uint32()), lease.NoLease)
		}
	}
}

func compact(t *testing.T, kv mvcc.KV, rev int64) {
	t.Helper()
	done, err := kv.Compact(traceutil.TODO(), rev)
	if err != nil && !errors.Is(err, mvcc.ErrCompacted) {
		t.Fatal(err)
	}
	if done != nil {
		<-done
	}
}

// sameAnswers compares the answer at every revision with that of etcd's store
// opened on a copy of the database.
func sameAnswers(t *testing.T, path string) {
	t.Helper()
	v := view(t, path)
	// A fresh store: one that has just compacted answers from memory with the
	// compacted revision before.
	kv := store(t, copyFile(t, path))
	ctx := t.Context()
	for rev := int64(0); rev <= v.Revision()+1; rev++ {
		theirs, current, theirErr := hashByRev(kv, rev)
		ours, err := v.HashKV(ctx, rev, nil)
		switch {
		case errors.Is(theirErr, mvcc.ErrCompacted):
			if !errors.Is(err, ErrCompacted) {
				t.Errorf("revision %d: %v, etcd says %v", rev, err, theirErr)
			}
		case errors.Is(theirErr, mvcc.ErrFutureRev):
			if !errors.Is(err, ErrFuture) {
				t.Errorf("revision %d: %v, etcd says %v", rev, err, theirErr)
			}
		case theirErr != nil:
			t.Fatal(theirErr)
		case err != nil || ours != Hash{theirs.Hash, theirs.Revision, theirs.CompactRevision} || v.Revision() != current:
			t.Errorf("revision %d of %d: %+v, %v, etcd says %+v of %d", rev, v.Revision(), ours, err, theirs, current)
		}
	}
}

// hashByRev asks for revision rev, past the store's memory of earlier answers.
func hashByRev(kv mvcc.KV, rev int64) (mvcc.KeyValueHash, int64, error) {
	return kv.(interface{ HashStorage() mvcc.HashStorage }).HashStorage().HashByRev(rev)
}

// TestHashKVLikeEtcd runs random histories with compactions through etcd's own
// store and asks both for the hash at every revision on the way.
func TestHashKVLikeEtcd(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 3))
			path := filepath.Join(t.TempDir(), "db")
			be := backend.NewDefaultBackend(zap.NewNop(), path)
			kv := mvcc.NewStore(zap.NewNop(), be, &lease.FakeLessor{}, mvcc.StoreConfig{})
			keys := 1 + rng.IntN(8)
			for range 4 {
				for range rng.IntN(12) {
					write(kv, rng, keys)
				}
				if rng.IntN(2) == 0 && kv.Rev() > 1 {
					compact(t, kv, 1+rng.Int64N(kv.Rev()))
				}
				kv.Commit()
				sameAnswers(t, snapshotOf(t, be))
			}
			kv.Close()
			be.Close()
		})
	}
}

// snapshotOf is what Maintenance.Snapshot sends, without the trailer.
func snapshotOf(t *testing.T, be backend.Backend) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := be.Snapshot()
	defer s.Close()
	if _, err := s.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHashKVOfSpecialHistories are the ones that random ones rarely make.
func TestHashKVOfSpecialHistories(t *testing.T) {
	t.Parallel()
	put := func(key string) func(mvcc.KV) {
		return func(kv mvcc.KV) { kv.Put([]byte(key), []byte("value of "+key), lease.NoLease) }
	}
	del := func(key string) func(mvcc.KV) { return func(kv mvcc.KV) { kv.DeleteRange([]byte(key), nil) } }
	compacted := func(rev int64) func(mvcc.KV) { return func(kv mvcc.KV) { compact(t, kv, rev) } }
	type steps []func(mvcc.KV)
	for name, tc := range map[string]struct {
		steps   steps
		marks   map[string]int64 // meta keys written afterwards
		current int64
		lastKey int64
	}{
		"never written to":              {nil, nil, 1, 0},
		"no compaction":                 {steps{put("a"), put("b"), put("a")}, nil, 4, 4},
		"all keys deleted":              {steps{put("a"), put("b"), del("a"), del("b")}, nil, 5, 5},
		"all deleted and compacted":     {steps{put("a"), put("b"), del("a"), del("b"), compacted(5)}, nil, 5, 5},
		"all deleted, compacted before": {steps{put("a"), put("b"), del("a"), del("b"), compacted(4)}, nil, 5, 5},
		"compacted at a tombstone":      {steps{put("a"), put("b"), del("a"), put("c"), compacted(4)}, nil, 5, 5},
		"compacted above a tombstone":   {steps{put("a"), put("b"), del("a"), put("c"), compacted(5)}, nil, 5, 5},
		"two compactions":               {steps{put("a"), put("a"), put("a"), compacted(3), put("b"), del("a"), compacted(5), put("a")}, nil, 7, 7},
		"compaction about to begin":     {steps{put("a"), put("a"), del("b"), put("b"), del("a"), put("c")}, map[string]int64{schema.ScheduledCompactKey: 5}, 6, 6},
		"a further one about to begin":  {steps{put("a"), put("a"), compacted(3), put("b"), del("a"), put("c")}, map[string]int64{schema.ScheduledCompactKey: 5}, 6, 6},
		"tail compacted by an older etcd": {
			steps{put("a"), del("a"), put("b"), put("b")},
			map[string]int64{schema.ScheduledCompactKey: 9, schema.FinishedCompactKey: 9},
			9, 5,
		},
		"scheduled above all":        {steps{put("a"), put("b")}, map[string]int64{schema.ScheduledCompactKey: 8}, 8, 3},
		"a compaction of nothing":    {nil, map[string]int64{schema.FinishedCompactKey: 0}, 1, 0},
		"compacted at revision zero": {steps{put("a")}, map[string]int64{schema.FinishedCompactKey: 0, schema.ScheduledCompactKey: 0}, 2, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "db")
			be := backend.NewDefaultBackend(zap.NewNop(), path)
			kv := mvcc.NewStore(zap.NewNop(), be, &lease.FakeLessor{}, mvcc.StoreConfig{})
			for _, step := range tc.steps {
				step(kv)
			}
			kv.Close()
			be.Close()
			mark(t, path, tc.marks)
			v := view(t, path)
			if v.Revision() != tc.current || v.LastKey() != tc.lastKey {
				t.Errorf("revision %d, last key %d", v.Revision(), v.LastKey())
			}
			sameAnswers(t, path)
		})
	}
}

func mark(t *testing.T, path string, marks map[string]int64) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bbolt.Tx) error {
		for name, rev := range marks {
			if err := tx.Bucket([]byte(schema.MetaBucket)).Put([]byte(name), schema.Revision{Main: rev}.Key()); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func TestHashKVEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	kv := store(t, path)
	kv.Put([]byte("a"), make([]byte, 100_000), lease.NoLease) // too large to be read along with its bucket
	kv.Commit()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := view(t, copyFile(t, path))
	if _, err := v.HashKV(ctx, 0, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := v.HashKV(t.Context(), -1, nil); !errors.Is(err, schema.ErrMalformed) {
		t.Error(err)
	}
}
