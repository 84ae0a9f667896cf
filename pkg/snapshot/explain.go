package snapshot

import (
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Explain turns what a reader of the keyspace met into the errors of this package,
// with the next step.
func (s *File) Explain(err error) error { return s.explain(err) }

// explain turns what the lower layers say of the file into the errors of this
// package, with the next step.
func (s *File) explain(err error) error {
	if changed := s.Unchanged(); err != nil && changed != nil {
		return changed
	}
	var damage *boltfile.Damage
	switch {
	case errors.Is(err, boltfile.ErrNotBolt):
		return hint.New(fmt.Errorf("%w: %s: %w", ErrNotSnapshot, s.name, err),
			"a snapshot is what `etcdctl snapshot save` writes, or a copy of member/snap/db")
	case errors.As(err, &damage), errors.Is(err, schema.ErrMalformed):
		return hint.New(fmt.Errorf("%w: %s: %w", ErrCorrupt, s.name, err),
			"list all damage with `etcdctl-snapshot-x verify %s`, and use another snapshot", hint.Path(s.name))
	case errors.Is(err, keyspace.ErrCompacted), errors.Is(err, keyspace.ErrFuture):
		return hint.New(fmt.Errorf("%s: %w", s.name, err),
			"`etcdctl-snapshot-x status %s -w json` prints the current and the compacted revision", hint.Path(s.name))
	}
	return err
}
