package datadir

import (
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/etcdserver/api/snap/snappb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// ReadConfState reads who votes from the raft snapshot at an entry. etcd 3.4
// writes it nowhere else, 3.7 needs the file no more.
func ReadConfState(snapDir string, term, index uint64) (*raftpb.ConfState, error) {
	path := filepath.Join(snapDir, SnapName(term, index))
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	outer, inner := &snappb.Snapshot{}, &raftpb.Snapshot{}
	if err := proto.Unmarshal(b, outer); err != nil {
		return nil, fmt.Errorf("%w: raft snapshot %s: %w", ErrCorrupt, path, err)
	}
	if sum := crc32.Checksum(outer.Data, castagnoli()); sum != outer.GetCrc() {
		return nil, fmt.Errorf("%w: raft snapshot %s: checksum is %08x, not %08x", ErrCorrupt, path, sum, outer.GetCrc())
	}
	if err := proto.Unmarshal(outer.Data, inner); err != nil {
		return nil, fmt.Errorf("%w: raft snapshot %s: %w", ErrCorrupt, path, err)
	}
	return inner.GetMetadata().GetConfState(), nil
}
