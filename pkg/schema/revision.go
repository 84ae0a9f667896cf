package schema

import (
	"encoding/binary"
	"fmt"
)

// Revision is the key of the key bucket: main counts transactions, sub the
// changes within one, from 0.
type Revision struct {
	Main, Sub int64
	Tombstone bool // the change is a delete
}

const (
	revisionLen  = 8 + 1 + 8
	tombstoneLen = revisionLen + 1
	tombstone    = 't'
)

// ParseRevision reads a revision key: main, 8 bytes big endian, '_', sub
// likewise, and a 't' behind a delete. Negative numbers, which some tools have
// written, are malformed: etcd 3.6 and later panic on them.
func ParseRevision(k []byte) (Revision, error) {
	if len(k) != revisionLen && len(k) != tombstoneLen {
		return Revision{}, fmt.Errorf("%w: revision key %x has %d bytes, not %d or %d", ErrMalformed, clip(k), len(k), revisionLen, tombstoneLen)
	}
	r := Revision{
		Main:      int64(binary.BigEndian.Uint64(k)),
		Sub:       int64(binary.BigEndian.Uint64(k[9:])),
		Tombstone: len(k) == tombstoneLen,
	}
	switch {
	case k[8] != '_':
		return Revision{}, fmt.Errorf("%w: revision key %x has no '_' between its numbers", ErrMalformed, k)
	case r.Tombstone && k[revisionLen] != tombstone:
		return Revision{}, fmt.Errorf("%w: revision key %x ends in %q, not in 't'", ErrMalformed, k, k[revisionLen])
	case r.Main < 0 || r.Sub < 0:
		return Revision{}, fmt.Errorf("%w: revision key %x is negative (%d_%d)", ErrMalformed, k, r.Main, r.Sub)
	}
	return r, nil
}

// Key encodes r as a key of the key bucket.
func (r Revision) Key() []byte {
	k := make([]byte, revisionLen, tombstoneLen)
	binary.BigEndian.PutUint64(k, uint64(r.Main))
	k[8] = '_'
	binary.BigEndian.PutUint64(k[9:], uint64(r.Sub))
	if r.Tombstone {
		k = append(k, tombstone)
	}
	return k
}

// clip keeps what an error shows of a damaged key short.
func clip(b []byte) []byte { return b[:min(len(b), 32)] }
