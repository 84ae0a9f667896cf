package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// A database that somebody has open for writing is read as one transaction left
// it, and read again if another was committed meanwhile.
func TestPeekLooksAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, nil) // holds the lock
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	index := uint64(0)
	commit := func() {
		index++
		if err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(schema.MetaBucket))
			if err != nil {
				return err
			}
			return b.Put([]byte(schema.ConsistentIndexKey), schema.Index(index))
		}); err != nil {
			t.Fatal(err)
		}
	}
	commit()

	var seen []uint64
	look := func(during int) func(*snapshot.File) error {
		return func(f *snapshot.File) error {
			facts, err := f.Facts()
			seen = append(seen, facts.ConsistentIndex)
			if len(seen) <= during {
				commit()
			}
			return err
		}
	}
	if err := snapshot.Peek(t.Context(), path, look(2)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(seen); got != "[1 2 3]" {
		t.Errorf("saw %s, want each commit and then the last once more: [1 2 3]", got)
	}
	if err := snapshot.Peek(t.Context(), path, look(1000)); !errors.Is(err, snapshot.ErrChanged) {
		t.Errorf("a database that changes at every look: %v, want ErrChanged", err)
	}
	mine := errors.New("mine")
	if err := snapshot.Peek(t.Context(), path, func(*snapshot.File) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("%v, want the error of the look", err)
	}
}

func TestPeekRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole := small(t)
	for name, tc := range map[string]struct {
		path string
		want error
	}{
		"nothing":    {filepath.Join(dir, "nothing"), fs.ErrNotExist},
		"directory":  {dir, snapshot.ErrNotSnapshot},
		"empty":      {put("empty", nil), snapshot.ErrNotSnapshot},
		"no bbolt":   {put("text", make([]byte, 64<<10)), snapshot.ErrNotSnapshot},
		"cut short":  {put("short", whole[:len(whole)/2&^4095]), snapshot.ErrCorrupt},
		"root zeros": {put("zeros", append(append([]byte{}, whole[:8192]...), make([]byte, len(whole)-8192)...)), snapshot.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := snapshot.Peek(t.Context(), tc.path, func(f *snapshot.File) error {
				_, err := f.Facts()
				return err
			})
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := snapshot.Peek(ctx, filepath.Join(dir, "short"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v after the context ended", err)
	}
}

// Every transaction of the writer sets two keys to the same value, and compactions
// free pages for the next. Whatever is seen of the database is sound, has both keys
// from one transaction, and never goes back.
func TestPeekUnderLoad(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: v})
			c.Start(t)
			client := c.Client(t)
			ctx, stop := context.WithCancel(t.Context())
			wrote := make(chan error, 1)
			go func() { wrote <- writePairs(ctx, client) }()

			path := datadir.DBPath(c.Members[0].DataDir)
			var last seenPair
			for start := time.Now(); time.Since(start) < 3*time.Second || last.index < 500; {
				var seen seenPair
				if err := snapshot.Peek(ctx, path, func(f *snapshot.File) (err error) {
					seen, err = readPair(ctx, f)
					return err
				}); err != nil {
					t.Fatalf("after index %d: %v", last.index, err)
				}
				if seen.a != seen.b {
					t.Fatalf("a is %q and b is %q: not of one transaction", seen.a, seen.b)
				}
				if seen.revision < last.revision || seen.index < last.index {
					t.Fatalf("went back from %+v to %+v", last, seen)
				}
				last = seen
			}
			stop()
			if err := <-wrote; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
		})
	}
}

func writePairs(ctx context.Context, client *clientv3.Client) error {
	for i := 0; ; i++ {
		value := fmt.Sprint(i)
		put, err := client.Txn(ctx).Then(clientv3.OpPut("a", value), clientv3.OpPut("b", value)).Commit()
		if err == nil && i%50 == 49 {
			_, err = client.Compact(ctx, put.Header.Revision)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

type seenPair struct {
	revision int64
	index    uint64
	a, b     string
}

func readPair(ctx context.Context, f *snapshot.File) (s seenPair, err error) {
	if err := f.CheckStructure(ctx, nil); err != nil {
		return s, err
	}
	facts, err := f.Facts()
	if err != nil {
		return s, err
	}
	view, err := f.Keyspace()
	if err != nil {
		return s, err
	}
	s.revision, s.index = view.Revision(), facts.ConsistentIndex
	return s, f.Live(ctx, s.revision, nil, func(_, v []byte) error {
		kv, err := schema.ParseKeyValue(v)
		switch string(kv.Key) {
		case "a":
			s.a = string(kv.Value)
		case "b":
			s.b = string(kv.Value)
		}
		return err
	})
}
