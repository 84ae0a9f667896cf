package salvage

import (
	"encoding/json"
	"fmt"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

// change applies an entry that changes the membership, by the rules of etcd's
// applyConfChange. One that etcd refuses changes nothing.
func (s *store) change(e *raftpb.Entry) error {
	cc := &raftpb.ConfChange{}
	if err := proto.Unmarshal(e.Data, cc); err != nil {
		return fmt.Errorf("%w: it is no configuration change: %w", datadir.ErrCorrupt, err)
	}
	added, updated := &membership.ConfigChangeContext{}, &membership.Member{}
	var err error
	switch cc.GetType() {
	case raftpb.ConfChangeAddNode, raftpb.ConfChangeAddLearnerNode:
		err = json.Unmarshal(cc.Context, added)
	case raftpb.ConfChangeUpdateNode:
		err = json.Unmarshal(cc.Context, updated)
	}
	if err != nil {
		return fmt.Errorf("%w: it names no member: %w", datadir.ErrCorrupt, err)
	}
	if s.cluster.ValidateConfigurationChange(cc, membership.ApplyBoth) != nil {
		return nil
	}
	switch cc.GetType() {
	case raftpb.ConfChangeAddNode, raftpb.ConfChangeAddLearnerNode:
		if added.IsPromote {
			s.cluster.PromoteMember(added.ID, membership.ApplyBoth)
		} else {
			s.cluster.AddMember(&added.Member, membership.ApplyBoth)
		}
	case raftpb.ConfChangeRemoveNode:
		s.cluster.RemoveMember(types.ID(cc.GetNodeId()), membership.ApplyBoth)
	case raftpb.ConfChangeUpdateNode:
		s.cluster.UpdateRaftAttributes(updated.ID, updated.RaftAttributes, membership.ApplyBoth)
	}
	return nil
}
