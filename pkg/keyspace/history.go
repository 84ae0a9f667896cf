package keyspace

import (
	"context"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/keyset"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Change is one record of the key bucket.
type Change struct {
	schema.KeyValue // its slices must be copied
	Rev             schema.Revision
	Size            int64 // bytes of it in the database, revision key included
	Live            bool  // what a server returns of its key at the revision asked for
}

// History visits every record there is, from the last to the first, with what
// is live at revision at, 0 for the current one. It holds at most 16 bytes a key
// and leaves the bytes of values alone.
//
// A marker that an earlier revision bump left, a record with no key, is never live.
func (v *View) History(ctx context.Context, at int64, p Progress, visit func(Change) error) error {
	at, err := v.Resolve(at)
	if err != nil {
		return err
	}
	progress, done := start(p, "reading", v.db.Size())
	defer done()
	seen := keyset.New()
	return v.records(ctx, boltfile.Scan{Reverse: true, Progress: progress}, func(r record) error {
		kv, err := schema.ParseKeyValue(r.value)
		if err != nil {
			return fmt.Errorf("revision %d_%d: %w", r.rev.Main, r.rev.Sub, err)
		}
		last := r.rev.Main <= at && len(kv.Key) > 0 && seen.Add(kv.Key)
		return visit(Change{
			KeyValue: kv,
			Rev:      r.rev,
			Size:     int64(len(r.key) + len(r.value)),
			Live:     last && !r.rev.Tombstone,
		})
	})
}

// Resolve is the revision that at stands for, 0 for the current one, or says why
// the state at it cannot be known: ErrCompacted, ErrFuture.
func (v *View) Resolve(at int64) (int64, error) {
	current, compacted := v.Revision(), v.Compacted()
	switch {
	case at < 0:
		return 0, fmt.Errorf("%w: %d", schema.ErrMalformed, at)
	case at == 0:
		return current, nil
	case at < compacted:
		return 0, fmt.Errorf("%w: %d is below %d", ErrCompacted, at, compacted)
	case at > current:
		return 0, fmt.Errorf("%w: %d is above %d", ErrFuture, at, current)
	}
	return at, nil
}

// Read hands the change that was made at rev to visit, which must copy what it
// keeps. It reports whether there is one.
func (v *View) Read(rev schema.Revision, visit func(schema.KeyValue) error) (found bool, err error) {
	if !v.hasKey {
		return false, nil
	}
	var failed error // of visit, which is not one of the database
	err = v.db.Guard(func() error {
		b, there, err := v.db.Get(v.key, rev.Key())
		if err != nil || !there {
			return err
		}
		found = true
		kv, err := schema.ParseKeyValue(b)
		if err != nil {
			return fmt.Errorf("revision %d_%d: %w", rev.Main, rev.Sub, err)
		}
		failed = visit(kv)
		return nil
	})
	if err == nil {
		err = failed
	}
	return found, err
}
