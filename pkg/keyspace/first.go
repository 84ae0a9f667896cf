package keyspace

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// First returns the oldest value of key that is among the first most records, or
// false. It is for what is written when a cluster begins: records are ordered by
// revision, so that finding any other key means to read them all.
func (v *View) First(ctx context.Context, key []byte, most int) ([]byte, bool, error) {
	var value []byte
	n, found := 0, false
	err := v.records(ctx, boltfile.Scan{}, func(r record) error {
		kv, err := schema.ParseKeyValue(r.value)
		if err != nil {
			return fmt.Errorf("revision %d_%d: %w", r.rev.Main, r.rev.Sub, err)
		}
		if !r.rev.Tombstone && bytes.Equal(kv.Key, key) {
			value, found = bytes.Clone(kv.Value), true
			return errEnough
		}
		if n++; n == most {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, false, err
	}
	return value, found, nil
}
