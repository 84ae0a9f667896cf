// Package keyspace is a read-only MVCC view of a database: its revisions, what
// is live at one of them, and the HashKV a server would report.
//
// The rules are those of etcd's server/storage/mvcc (kvstore.go, hash.go,
// key_index.go), applied to the file without an index in memory.
package keyspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// View is the key bucket of a database with the compaction marks that go with
// it. It is valid while the database is open.
type View struct {
	db  *boltfile.File
	key boltfile.Bucket

	lastKey              int64
	scheduled, finished  int64
	hasKey, hasCompacted bool
}

// Progress is told how far long work has come, in bytes. It may be nil.
type Progress interface {
	Start(what string, total int64)
	Add(n int64)
	Finish()
}

// Open reads the revision marks of db.
func Open(db *boltfile.File) (*View, error) {
	v := &View{db: db}
	if err := db.Guard(v.readMarks); err != nil {
		return nil, err
	}
	return v, nil
}

func (v *View) readMarks() (err error) {
	if v.key, v.hasKey, err = v.db.Bucket(schema.KeyBucket); err != nil {
		return err
	}
	if v.hasKey {
		last, _, err := v.db.Last(v.key)
		if err != nil {
			return err
		}
		if last != nil {
			rev, err := schema.ParseRevision(last)
			if err != nil {
				return err
			}
			v.lastKey = rev.Main
		}
	}
	meta, ok, err := v.db.Bucket(schema.MetaBucket)
	if err != nil || !ok {
		return err
	}
	if v.scheduled, err = v.mark(meta, schema.ScheduledCompactKey); err != nil {
		return err
	}
	v.finished, err = v.mark(meta, schema.FinishedCompactKey)
	return err
}

func (v *View) mark(meta boltfile.Bucket, name string) (int64, error) {
	b, found, err := v.db.Get(meta, []byte(name))
	if err != nil || !found {
		return 0, err
	}
	rev, err := schema.ParseRevision(b)
	if err != nil {
		return 0, fmt.Errorf("meta key %s: %w", name, err)
	}
	v.hasCompacted = true
	return rev.Main, nil
}

// LastKey is the main revision of the last record, what etcdutl prints as the
// revision of a snapshot. It lags [View.Revision] when the last records were
// deletes that a compaction has removed.
func (v *View) LastKey() int64 { return v.lastKey }

// Revision is the revision a server that opens this database starts at. An empty
// store is at revision 1.
func (v *View) Revision() int64 { return max(1, v.lastKey, v.scheduled, v.finished) }

// Scheduled is the revision of the last compaction that was asked for, 0 for none.
func (v *View) Scheduled() int64 { return v.scheduled }

// Finished is the revision of the last compaction that is done, 0 for none.
func (v *View) Finished() int64 { return v.finished }

// Compacted is the revision up to which history is gone or about to go, 0 for none.
func (v *View) Compacted() int64 { return max(v.scheduled, v.finished) }

// sample is how many records at either end decide whether a keyspace is that of
// a Kubernetes cluster: the first were written when it was bootstrapped, the
// last by its controllers, which never rest.
const sample = 1000

// Kubernetes reports whether the keyspace is that of a Kubernetes cluster, from
// a sample of its first and last records.
func (v *View) Kubernetes() (bool, error) {
	for _, reverse := range []bool{false, true} {
		n, found := 0, false
		err := v.records(context.Background(), boltfile.Scan{Reverse: reverse}, func(r record) error {
			kv, err := schema.ParseKeyValue(r.value)
			if err != nil {
				return err
			}
			n++
			found = bytes.HasPrefix(kv.Key, []byte(schema.KubernetesPrefix))
			if found || n == sample {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return false, err
		}
		if found {
			return true, nil
		}
	}
	return false, nil
}

var errEnough = errors.New("enough records read")

// record is one entry of the key bucket.
type record struct {
	key   []byte // as stored
	rev   schema.Revision
	value []byte // as stored
}

func (v *View) records(ctx context.Context, opts boltfile.Scan, visit func(record) error) error {
	if !v.hasKey {
		return nil
	}
	return v.db.NewScan(ctx, opts).Walk(v.key, func(key, value []byte) error {
		rev, err := schema.ParseRevision(key)
		if err != nil {
			return err
		}
		return visit(record{key, rev, value})
	})
}
