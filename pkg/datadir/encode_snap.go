package datadir

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"path"
	"strconv"
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver/api/snap/snappb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/etcd-restore/etcd-restore/pkg/membership"
)

// EncodeSnap returns the raft snapshot of a new member of c, to be stored as
// SnapName(InitialTerm, InitialIndex(c)). It is the same for every member.
// etcd 3.4 and 3.5 know the members from it and 3.6 who votes; 3.7 ignores it.
func EncodeSnap(c *membership.Cluster) ([]byte, error) {
	store, err := encodeV2Store(c)
	if err != nil {
		return nil, fmt.Errorf("encode the members of a raft snapshot: %w", err)
	}
	data, err := marshal(&raftpb.Snapshot{
		Data: store,
		Metadata: &raftpb.SnapshotMetadata{
			ConfState: confState(c),
			Index:     new(InitialIndex(c)),
			Term:      new(uint64(InitialTerm)),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("encode a raft snapshot: %w", err)
	}
	return marshal(&snappb.Snapshot{Crc: new(crc32.Checksum(data, castagnoli())), Data: data})
}

// v2Store is the JSON of etcd's v2 store, of which nothing but the membership
// has survived: below /0/members, one directory per member. etcd's own file
// also holds the history and statistics of the store; what is absent keeps the
// value that a reading etcd starts with, an empty history.
type v2Store struct {
	Root           *v2Node
	CurrentIndex   uint64
	CurrentVersion int
}

// v2Node is a directory, with Children, or a key, with a Value.
type v2Node struct {
	Path          string
	CreatedIndex  uint64
	ModifiedIndex uint64
	ExpireTime    time.Time // zero: never
	Value         string
	Children      map[string]*v2Node
}

func encodeV2Store(c *membership.Cluster) ([]byte, error) {
	root := newV2Dir("/", 0)
	cluster := root.add("0", newV2Dir("/0", 0))
	root.add("1", newV2Dir("/1", 0)) // user keys of the v2 API
	members := cluster.add("members", newV2Dir("/0/members", 1))
	for i, m := range c.Members {
		attributes, err := raftAttributes(m)
		if err != nil {
			return nil, err
		}
		index, id := uint64(i+1), strconv.FormatUint(m.ID, 16)
		dir := members.add(id, newV2Dir(path.Join(members.Path, id), index))
		dir.add("raftAttributes", newV2Key(path.Join(dir.Path, "raftAttributes"), attributes, index))
	}
	return json.Marshal(&v2Store{Root: root, CurrentIndex: InitialIndex(c), CurrentVersion: 2})
}

// raftAttributes is what the v2 store keeps of a member that has not started
// yet: its name and client URLs follow once it publishes them.
func raftAttributes(m membership.Member) (string, error) {
	b, err := json.Marshal(struct {
		PeerURLs []string `json:"peerURLs"`
		Learner  bool     `json:"isLearner,omitempty"`
	}{m.PeerURLs, m.Learner})
	return string(b), err
}

func newV2Dir(at string, index uint64) *v2Node {
	return &v2Node{Path: at, CreatedIndex: index, ModifiedIndex: index, Children: map[string]*v2Node{}}
}

func newV2Key(at, value string, index uint64) *v2Node {
	return &v2Node{Path: at, CreatedIndex: index, ModifiedIndex: index, Value: value}
}

func (n *v2Node) add(name string, child *v2Node) *v2Node {
	n.Children[name] = child
	return child
}
