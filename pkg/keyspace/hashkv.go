package keyspace

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/keyset"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

var (
	// ErrCompacted is returned for a revision below the compacted one.
	ErrCompacted = errors.New("revision has been compacted")
	// ErrFuture is returned for a revision the database has not reached.
	ErrFuture = errors.New("revision lies in the future")
)

// Hash is the answer to a HashKV request. Two members with the same three
// numbers hold the same keys with the same history.
type Hash struct {
	Hash            uint32 `json:"hash"`
	Revision        int64  `json:"hashRevision"`
	CompactRevision int64  `json:"compactRevision"`
}

// HashKV computes what a server that opened this database would answer to a
// HashKV request at revision at, 0 for the current one: the CRC-32C of the
// bucket's name and of every record up to it, leaving out what the compaction
// removes or has yet to remove.
func (v *View) HashKV(ctx context.Context, at int64, p Progress) (Hash, error) {
	at, err := v.Resolve(at)
	if err != nil {
		return Hash{}, err
	}
	compacted := v.Compacted()
	out, err := v.superseded(ctx, at, compacted)
	if err != nil {
		return Hash{}, err
	}
	h := Hash{Revision: at, CompactRevision: compacted}
	if !v.hasCompacted {
		h.CompactRevision = -1 // what a store that was never compacted reports
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	h.Hash = crc32.Update(0, table, []byte(schema.KeyBucket))
	n := 0
	progress, done := start(p, "hashing", v.db.Size())
	defer done()
	err = v.records(ctx, boltfile.Scan{Progress: progress}, func(r record) error {
		n++
		if r.rev.Main > at {
			return errEnough
		}
		if out.has(n-1) || (r.rev.Tombstone && v.hasCompacted && r.rev.Main == compacted) {
			return nil
		}
		h.Hash = crc32.Update(h.Hash, table, r.key)
		h.Hash = crc32.Update(h.Hash, table, r.value)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return Hash{}, err
	}
	return h, nil
}

// superseded marks the records up to the compacted revision that are not the
// last of their key at revision at, or are a delete. If no key is live at all
// it marks none: the server has no index to go by then, and hashes everything.
func (v *View) superseded(ctx context.Context, at, compacted int64) (ordinals, error) {
	if !v.hasCompacted {
		return ordinals{}, nil
	}
	var out ordinals
	live, seen := false, keyset.New()
	err := v.records(ctx, boltfile.Scan{Reverse: true}, func(r record) error {
		kv, err := schema.ParseKeyValue(r.value)
		if err != nil {
			return fmt.Errorf("revision %d_%d: %w", r.rev.Main, r.rev.Sub, err)
		}
		first := r.rev.Main <= at && seen.Add(kv.Key)
		keep := first && !r.rev.Tombstone
		live = live || keep
		out.push(r.rev.Main <= compacted && !keep)
		return nil
	})
	if err != nil || !live {
		return ordinals{}, err
	}
	return out, nil
}

// ordinals marks records by their place in the key bucket. It is filled from
// the last record to the first and read from the first to the last.
type ordinals struct {
	bits []uint64
	n    int
}

func (o *ordinals) push(mark bool) {
	if o.n%64 == 0 {
		o.bits = append(o.bits, 0)
	}
	if mark {
		o.bits[o.n/64] |= 1 << (o.n % 64)
	}
	o.n++
}

// has reports whether record i, counted from the first, is marked.
func (o *ordinals) has(i int) bool {
	if i >= o.n {
		return false
	}
	back := o.n - 1 - i
	return o.bits[back/64]&(1<<(back%64)) != 0
}

// start begins a phase of p, which may be nil.
func start(p Progress, what string, total int64) (add func(int64), done func()) {
	if p == nil {
		return nil, func() {}
	}
	p.Start(what, total)
	return p.Add, p.Finish
}
