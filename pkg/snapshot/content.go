package snapshot

import (
	"context"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Entries visits every entry outside of the key bucket, bucket by bucket. Keys
// and values are valid while the file is open.
func (s *File) Entries(visit func(bucket string, k, v []byte) error) error {
	buckets, err := s.db.Buckets()
	if err != nil {
		return s.explain(err)
	}
	for _, b := range buckets {
		if b.Name == schema.KeyBucket {
			continue
		}
		err := s.db.Walk(b, func(k, v []byte) error { return visit(b.Name, k, v) })
		if err != nil {
			return s.explain(fmt.Errorf("bucket %s: %w", b.Name, err))
		}
	}
	return nil
}

// Live visits the records of the key bucket that a compaction at revision at
// leaves, see [keyspace.View.Live].
func (s *File) Live(ctx context.Context, at int64, p Progress, visit func(k, v []byte) error) error {
	view, err := s.Keyspace()
	if err != nil {
		return err
	}
	return s.explain(view.Live(ctx, at, p, visit))
}

// HashKV computes what a server would answer to a HashKV request, see
// [keyspace.View.HashKV].
func (s *File) HashKV(ctx context.Context, at int64, p Progress) (keyspace.Hash, error) {
	view, err := s.Keyspace()
	if err != nil {
		return keyspace.Hash{}, err
	}
	h, err := view.HashKV(ctx, at, p)
	if err != nil {
		return keyspace.Hash{}, s.explain(err)
	}
	return h, s.Unchanged()
}

// Kubernetes reports whether the keys are those of a Kubernetes cluster, see
// [keyspace.View.Kubernetes].
func (s *File) Kubernetes() (bool, error) {
	view, err := s.Keyspace()
	if err != nil {
		return false, err
	}
	yes, err := view.Kubernetes()
	return yes, s.explain(err)
}
