package datadir

import (
	"fmt"
	"hash/crc32"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/membership"
)

// InitialTerm is the term of everything in the log of a new member.
const InitialTerm = 1

// InitialIndex is the last index in the log of a new member of c: one entry
// adds each member. It is also the consistent index of the db that goes with
// it, since such entries change nothing in a db that holds the members already.
func InitialIndex(c *membership.Cluster) uint64 { return uint64(len(c.Members)) }

// EncodeWAL returns the first segment of the log of a member of c, to be
// stored as WALName(0, 0). It holds the records with which etcdutl ends a
// restore, in the same order: who the member is, the empty snapshot, one
// configuration change per member in ascending order of ID, the hard state
// that commits them, and the raft snapshot of EncodeSnap. Unlike etcdutl's it
// gives learners no vote, and it is not preallocated, which no etcd needs.
func EncodeWAL(c *membership.Cluster, memberID uint64) ([]byte, error) {
	if !hasMember(c, memberID) {
		return nil, fmt.Errorf("%w: no member has the ID %x", membership.ErrInvalid, memberID)
	}
	w := &walEncoder{}
	w.record(recordCRC, nil)
	w.record(recordMetadata, Metadata{MemberID: memberID, ClusterID: c.ID}.encode())
	w.message(recordSnapshot, &walpb.Snapshot{Index: new(uint64(0)), Term: new(uint64(0))})
	for i, m := range c.Members {
		entry, err := addMember(m, uint64(i+1))
		if err != nil {
			return nil, err
		}
		w.message(recordEntry, entry)
	}
	w.message(recordState, &raftpb.HardState{
		Term:   new(uint64(InitialTerm)),
		Vote:   new(c.Voters()[0]),
		Commit: new(InitialIndex(c)),
	})
	w.message(recordSnapshot, &walpb.Snapshot{
		Index:     new(InitialIndex(c)),
		Term:      new(uint64(InitialTerm)),
		ConfState: confState(c),
	})
	return w.buf, w.err
}

func hasMember(c *membership.Cluster, id uint64) bool {
	for _, m := range c.Members {
		if m.ID == id {
			return true
		}
	}
	return false
}

// addMember is the entry by which a new cluster agrees on one of its members.
func addMember(m membership.Member, index uint64) (*raftpb.Entry, error) {
	context, err := m.JSON()
	if err != nil {
		return nil, fmt.Errorf("encode member %q: %w", m.Name, err)
	}
	change := &raftpb.ConfChange{
		Type:    raftpb.ConfChangeAddNode.Enum(),
		NodeId:  new(m.ID),
		Context: context,
	}
	if m.Learner {
		change.Type = raftpb.ConfChangeAddLearnerNode.Enum()
	}
	data, err := marshal(change)
	if err != nil {
		return nil, fmt.Errorf("encode member %q: %w", m.Name, err)
	}
	return &raftpb.Entry{
		Type:  raftpb.EntryConfChange.Enum(),
		Term:  new(uint64(InitialTerm)),
		Index: new(index),
		Data:  data,
	}, nil
}

func confState(c *membership.Cluster) *raftpb.ConfState {
	return &raftpb.ConfState{Voters: c.Voters(), Learners: c.Learners()}
}

// marshal encodes m into the same bytes every time, which restoring on several
// hosts and comparing the results relies on.
func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}

// walEncoder builds a segment in memory. The first error sticks.
type walEncoder struct {
	buf []byte
	crc uint32
	err error
}

func (w *walEncoder) message(kind int64, m proto.Message) {
	data, err := marshal(m)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("encode a log record of type %d: %w", kind, err)
	}
	w.record(kind, data)
}

func (w *walEncoder) record(kind int64, data []byte) {
	w.crc = crc32.Update(w.crc, castagnoli(), data)
	rec, err := marshal(&walpb.Record{Type: &kind, Crc: &w.crc, Data: data})
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("encode a log record of type %d: %w", kind, err)
	}
	w.buf = appendFrame(w.buf, rec)
}
