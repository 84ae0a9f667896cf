package keyspace

import (
	"context"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/keyset"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Live visits, in order of revision, the records that a compaction at revision
// at leaves, which must not be below the current one: the last of every key that
// is not deleted. Two passes, the first from the end to learn which they are; it
// holds at most 16 bytes a key and a bit a record.
//
// Deletes of revision at itself stay, as in etcd: a watch may begin there, and
// would otherwise never learn of them.
//
// The marker that an earlier revision bump left, a record with no key, is
// left out: it only ever said what the revision is.
func (v *View) Live(ctx context.Context, at int64, p Progress, visit func(key, value []byte) error) error {
	var gone ordinals
	seen := keyset.New()
	err := v.records(ctx, boltfile.Scan{Reverse: true}, func(r record) error {
		kv, err := schema.ParseKeyValue(r.value)
		if err != nil {
			return fmt.Errorf("revision %d_%d: %w", r.rev.Main, r.rev.Sub, err)
		}
		gone.push(len(kv.Key) == 0 || !seen.Add(kv.Key) || r.rev.Tombstone && r.rev.Main < at)
		return nil
	})
	if err != nil {
		return err
	}
	progress, done := start(p, "compacting", v.db.Size())
	defer done()
	n := 0
	return v.records(ctx, boltfile.Scan{Progress: progress}, func(r record) error {
		n++
		if gone.has(n - 1) {
			return nil
		}
		return visit(r.key, r.value)
	})
}
