package salvage

import (
	"fmt"
	"slices"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// configuration is who votes from an entry of the log on.
type configuration struct {
	from     uint64
	voters   []uint64 // ascending
	learners []uint64
}

// quorum is how many votes are a majority.
func (c configuration) quorum() int { return len(c.voters)/2 + 1 }

// configurations returns the one in force at an entry of the log and those that
// followed it, up to another entry.
func (m *member) configurations(from, to uint64) ([]configuration, error) {
	base := m.knownConfiguration(from)
	list := []configuration{base}
	for _, e := range m.log.ConfChanges {
		if e.GetIndex() <= base.from || e.GetIndex() > to {
			continue
		}
		next, err := list[len(list)-1].change(e)
		if err != nil {
			return nil, fmt.Errorf("data directory %s: %w", m.Dir, err)
		}
		if e.GetIndex() <= from {
			list[0] = next
		} else {
			list = append(list, next)
		}
	}
	return list, nil
}

// knownConfiguration returns the last that is written down up to an entry: with
// a raft snapshot, from which on the log has every change, or else as the members
// in the db, which etcd 3.6 and later go by themselves.
func (m *member) knownConfiguration(upTo uint64) configuration {
	for _, snap := range slices.Backward(m.log.Snapshots) {
		if snap.GetIndex() > upTo || snap.GetIndex()+1 < m.log.FirstIndex {
			continue
		}
		if state, err := m.confState(snap); err == nil {
			return newConfiguration(snap.GetIndex(), state.GetVoters(), state.GetLearners())
		}
	}
	var voters, learners []uint64
	for _, known := range m.facts.Members {
		if known.IsLearner {
			learners = append(learners, known.ID)
		} else {
			voters = append(voters, known.ID)
		}
	}
	return newConfiguration(m.applied(), voters, learners)
}

// checkOwn refuses a db that is of another cluster than the log beside it: neither
// knows any member of the other.
func (m *member) checkOwn() error {
	if m.dbErr != nil || len(m.facts.Members) == 0 {
		return nil
	}
	list, err := m.configurations(m.applied(), m.applied())
	if err != nil {
		return err
	}
	known := slices.Concat(list[0].voters, list[0].learners)
	if len(known) == 0 || slices.ContainsFunc(m.facts.Members, func(of schema.Member) bool { return slices.Contains(known, of.ID) }) {
		return nil
	}
	return conflict("the database of %s lists other members than its log: it is of another cluster", m.Dir)
}

// forced returns the entry with which etcd was started on the directory alone, with
// --force-new-cluster, unless members were added since: then it has dropped the end
// of its log. No request to remove a member has such an entry without an ID.
func (m *member) forced() (at uint64) {
	for _, e := range m.log.ConfChanges {
		var cc raftpb.ConfChange
		if proto.Unmarshal(e.Data, &cc) != nil {
			continue // refused where it counts
		}
		switch {
		case cc.GetType() == raftpb.ConfChangeRemoveNode && cc.GetId() == 0:
			at = e.GetIndex()
		case cc.GetType() != raftpb.ConfChangeRemoveNode && cc.GetId() != 0:
			at = 0
		}
	}
	return at
}

// confState is who votes with a raft snapshot. Since etcd 3.5 the log says so
// itself; the first snapshot of all, before the first entry, has nobody.
func (m *member) confState(snap *walpb.Snapshot) (*raftpb.ConfState, error) {
	if snap.ConfState != nil || snap.GetIndex() == 0 {
		return snap.ConfState, nil
	}
	return datadir.ReadConfState(m.dir.SnapDir, snap.GetTerm(), snap.GetIndex())
}

func newConfiguration(from uint64, voters, learners []uint64) configuration {
	c := configuration{from, slices.Clone(voters), slices.Clone(learners)}
	slices.Sort(c.voters)
	slices.Sort(c.learners)
	return c
}

// change returns the configuration after an entry that changes it. An addition
// that etcd refused when it applied it counts here: that can only make the
// majority larger.
func (c configuration) change(e *raftpb.Entry) (configuration, error) {
	if e.GetType() != raftpb.EntryConfChange {
		return c, fmt.Errorf("%w: entry %d has type %s, which no etcd writes", datadir.ErrCorrupt, e.GetIndex(), e.GetType())
	}
	var cc raftpb.ConfChange
	if err := proto.Unmarshal(e.Data, &cc); err != nil {
		return c, fmt.Errorf("%w: entry %d is no configuration change: %w", datadir.ErrCorrupt, e.GetIndex(), err)
	}
	id := cc.GetNodeId()
	without := func(ids []uint64) []uint64 {
		return slices.DeleteFunc(slices.Clone(ids), func(other uint64) bool { return other == id })
	}
	voters, learners := c.voters, c.learners
	switch cc.GetType() {
	case raftpb.ConfChangeAddNode: // or the promotion of a learner
		voters, learners = append(without(voters), id), without(learners)
	case raftpb.ConfChangeAddLearnerNode:
		if !slices.Contains(voters, id) { // no member is ever demoted
			learners = append(without(learners), id)
		}
	case raftpb.ConfChangeRemoveNode:
		voters, learners = without(voters), without(learners)
	}
	return newConfiguration(e.GetIndex(), voters, learners), nil
}
