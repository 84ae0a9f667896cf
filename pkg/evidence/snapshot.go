package evidence

import (
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// FromSnapshot reads the snapshot at path, or a copy of a member's database,
// compressed or not. It reads the pages it needs, and compares no hash.
func FromSnapshot(path string) (Source, error) {
	f, err := snapshot.Open(path)
	if err != nil {
		return Source{}, err
	}
	defer f.Close()
	return Of(f)
}

// Of reads the open snapshot f. All buckets but that of the keys are trees if it
// succeeds, see [snapshot.File.Facts].
func Of(f *snapshot.File) (Source, error) {
	s, err := read(f)
	if err != nil {
		return Source{}, err
	}
	if s.LastKey == 0 && s.ConsistentIndex == 0 { // etcd writes the index before it serves
		return Source{}, hint.New(fmt.Errorf("%w: %s holds neither keys nor a raft index: it is no database of etcd", snapshot.ErrNotSnapshot, f.Name()),
			"a snapshot is what `etcdctl snapshot save` writes, or a copy of member/snap/db")
	}
	return s, nil
}

// read is what any database of etcd tells.
func read(f *snapshot.File) (Source, error) {
	view, err := f.Keyspace()
	if err != nil {
		return Source{}, err
	}
	facts, err := f.Facts()
	if err != nil {
		return Source{}, err
	}
	return Source{
		Kind: Snapshot, Name: f.Name(), Open: OpenCopy,
		Proven: view.Revision(), LastKey: view.LastKey(), Scheduled: view.Scheduled(), Finished: view.Finished(),
		ConsistentIndex: facts.ConsistentIndex, Members: facts.Members,
	}, nil
}
