package restore

import (
	"context"

	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

const (
	batchBytes   = 8 << 20 // of keys and values in one transaction, which bounds memory
	fillPercent  = 0.9     // as etcd fills the pages of the key bucket
	batchEntries = 20_000
)

// compact writes a new database to path that holds what is live in f, and makes
// all edits on it. Its pages lie in the order of their keys, none is free, and
// the free list is in the file, so that etcd opens it without a walk.
func (c *Config) compact(ctx context.Context, f *snapshot.File, path string, d decision) error {
	c.FS.At("create", path)
	return guard(path, func() error {
		db, err := openDB(path)
		if err != nil {
			return err
		}
		defer db.Close()
		db.AllocSize = 16 << 20
		w := &batchWriter{db: db, begin: func() { c.FS.At("commit", path) }}
		if err := f.Entries(func(bucket string, k, v []byte) error { return w.put(bucket, k, v) }); err != nil {
			return w.abort(err)
		}
		if err := f.Live(ctx, d.restored(), c.Progress, func(k, v []byte) error { return w.put(schema.KeyBucket, k, v) }); err != nil {
			return w.abort(err)
		}
		if err := w.commit(); err != nil {
			return err
		}
		db.NoFreelistSync = false
		c.FS.At("commit", path)
		if err := db.Update(createBuckets); err != nil {
			return err
		}
		for _, edits := range c.edits() {
			if err := c.apply(db, edits, d); err != nil {
				return err
			}
		}
		return db.Close()
	})
}

// createBuckets makes the buckets that have no entries.
func createBuckets(tx *bbolt.Tx) error {
	for _, name := range []string{
		schema.KeyBucket, schema.MetaBucket, schema.LeaseBucket, schema.AlarmBucket, schema.ClusterBucket,
		schema.AuthBucket, schema.AuthUsersBucket, schema.AuthRolesBucket,
	} {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// batchWriter writes entries in transactions of bounded size. No transaction has
// entries of two buckets, for bbolt would write those in any order, and members
// restored on different hosts are to be the same.
type batchWriter struct {
	db      *bbolt.DB
	bucket  string
	begin   func() // called before each commit
	tx      *bbolt.Tx
	bytes   int
	entries int
}

func (w *batchWriter) put(bucket string, k, v []byte) (err error) {
	if bucket != w.bucket {
		if err := w.commit(); err != nil {
			return err
		}
		w.bucket = bucket
	}
	if w.tx == nil {
		if w.tx, err = w.db.Begin(true); err != nil {
			return err
		}
	}
	b := w.tx.Bucket([]byte(bucket))
	if b == nil {
		if b, err = w.tx.CreateBucket([]byte(bucket)); err != nil {
			return err
		}
	}
	b.FillPercent = fillPercent
	if err := b.Put(k, v); err != nil {
		return err
	}
	w.bytes += len(k) + len(v)
	w.entries++
	if w.bytes >= batchBytes || w.entries >= batchEntries {
		return w.commit()
	}
	return nil
}

func (w *batchWriter) commit() error {
	if w.tx == nil {
		return nil
	}
	w.begin()
	tx := w.tx
	w.tx, w.bytes, w.entries = nil, 0, 0
	return tx.Commit()
}

// abort gives up the open transaction and returns the reason for it.
func (w *batchWriter) abort(why error) error {
	if w.tx != nil {
		_ = w.tx.Rollback() // the file is going to be removed
		w.tx = nil
	}
	return why
}
