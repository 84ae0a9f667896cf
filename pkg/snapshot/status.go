package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/keyset"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Status describes a snapshot. The first five fields are those of etcdutl 3.7,
// with the same values.
type Status struct {
	Hash      uint32 `json:"hash"`      // CRC-32C over all buckets, keys and values
	Revision  int64  `json:"revision"`  // of the last record
	TotalKey  int    `json:"totalKey"`  // live keys
	TotalSize int64  `json:"totalSize"` // bytes of the database
	Version   string `json:"version"`   // storage version, since 3.6

	SHA256            string  `json:"sha256,omitempty"` // of the database, in hex
	Trailer           Trailer `json:"trailer,omitempty"`
	CurrentRevision   int64   `json:"currentRevision"`   // what a server that opens it starts at
	CompactedRevision int64   `json:"compactedRevision"` // history up to it is gone, or about to go
	Leases            int     `json:"leases"`
	Kubernetes        bool    `json:"kubernetes"` // some key lies below /registry/
	Facts
}

// Progress is told how far long work has come, in bytes. It may be nil. Add may
// be called from several goroutines.
type Progress interface {
	Start(what string, total int64)
	Add(n int64)
	Finish()
}

// StatusOptions say how much to read.
type StatusOptions struct {
	Digest   bool // compute the SHA-256 as well and compare it with the trailer
	Progress Progress
}

// ReadStatus reads the whole file once. It holds at most 16 bytes of memory a
// key. A database that is damaged is an error; a trailer that does not match is
// reported, if asked for.
func (s *File) ReadStatus(ctx context.Context, o StatusOptions) (*Status, error) {
	facts, err := s.Facts()
	if err != nil {
		return nil, err
	}
	view, err := s.Keyspace()
	if err != nil {
		return nil, err
	}
	var digest *digesting
	if o.Digest {
		digest = s.startDigest(ctx)
		defer digest.abort()
	}
	st := &Status{
		TotalSize: s.db.Size(), Version: facts.StorageVersion, Facts: facts,
		CurrentRevision: view.Revision(), CompactedRevision: view.Compacted(),
	}
	if err := s.summarize(ctx, st, o.Progress); err != nil {
		return nil, s.explain(err)
	}
	if digest != nil {
		if err := digest.wait(); err != nil {
			return nil, err
		}
		st.SHA256, st.Trailer = digest.sum, digest.state
	}
	return st, s.Unchanged()
}

// summarize fills in what takes a pass over all buckets.
func (s *File) summarize(ctx context.Context, st *Status, p Progress) error {
	opts := boltfile.Scan{}
	if p != nil {
		p.Start("reading", s.db.Size())
		defer p.Finish()
		opts.Progress = p.Add
	}
	scan := s.db.NewScan(ctx, opts)
	buckets, err := scan.Buckets()
	if err != nil {
		return err
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	live := keyset.New()
	for _, b := range buckets {
		st.Hash = crc32.Update(st.Hash, table, []byte(b.Name))
		err := scan.Walk(b, func(k, v []byte) error {
			st.Hash = crc32.Update(st.Hash, table, k)
			st.Hash = crc32.Update(st.Hash, table, v)
			switch b.Name {
			case schema.LeaseBucket:
				st.Leases++
			case schema.KeyBucket:
				return st.count(live, k, v)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("bucket %s: %w", b.Name, err)
		}
	}
	st.TotalKey = live.Len()
	return scan.CheckFree()
}

// count follows which keys are live through one record.
func (st *Status) count(live *keyset.Set, k, v []byte) error {
	rev, err := schema.ParseRevision(k)
	if err != nil {
		return err
	}
	kv, err := schema.ParseKeyValue(v)
	if err != nil {
		return fmt.Errorf("revision %d_%d: %w", rev.Main, rev.Sub, err)
	}
	st.Revision = rev.Main
	st.Kubernetes = st.Kubernetes || bytes.HasPrefix(kv.Key, []byte(schema.KubernetesPrefix))
	if rev.Tombstone {
		live.Remove(kv.Key)
	} else {
		live.Add(kv.Key)
	}
	return nil
}
