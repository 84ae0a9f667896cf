package etcdclient

import (
	"context"
	"sync"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// MemberStatus is what one member says about itself. No quorum is needed for
// it. Only Endpoint is set where Err is.
type MemberStatus struct {
	Endpoint     string
	ClusterID    uint64
	MemberID     uint64
	Version      string // of the server
	Revision     int64
	Leader       uint64 // as this member sees it; 0: none
	Learner      bool
	Term         uint64
	RaftIndex    uint64
	AppliedIndex uint64
	DBSize       int64    // of the file
	DBSizeInUse  int64    // of the pages in use
	Alarms       []string // and corruption, as the server words them
	Err          error
}

// IsLeader reports whether the member leads, by its own account.
func (s MemberStatus) IsLeader() bool {
	return s.Err == nil && s.Leader == s.MemberID && s.MemberID != 0
}

// Members asks every endpoint for its status, all at once, and returns the
// answers in the order of the endpoints.
func (c *Client) Members(ctx context.Context) []MemberStatus {
	statuses := make([]MemberStatus, len(c.members))
	var asking sync.WaitGroup
	for i, m := range c.members {
		asking.Go(func() { statuses[i] = c.status(ctx, m) })
	}
	asking.Wait()
	return statuses
}

func (c *Client) status(ctx context.Context, m *member) MemberStatus {
	if m.err != nil {
		return MemberStatus{Endpoint: m.endpoint, Err: m.err}
	}
	request, cancel := c.short(ctx)
	defer cancel()
	resp, err := m.maintenance.Status(request, &pb.StatusRequest{})
	if err != nil {
		return MemberStatus{Endpoint: m.endpoint, Err: m.explain(ctx, err)}
	}
	header := resp.GetHeader()
	return MemberStatus{
		Endpoint:     m.endpoint,
		ClusterID:    header.GetClusterId(),
		MemberID:     header.GetMemberId(),
		Version:      resp.GetVersion(),
		Revision:     header.GetRevision(),
		Leader:       resp.GetLeader(),
		Learner:      resp.GetIsLearner(),
		Term:         resp.GetRaftTerm(),
		RaftIndex:    resp.GetRaftIndex(),
		AppliedIndex: resp.GetRaftAppliedIndex(),
		DBSize:       resp.GetDbSize(),
		DBSizeInUse:  resp.GetDbSizeInUse(),
		Alarms:       resp.GetErrors(),
	}
}

// KVHash is a member's hash of all keys from the compacted revision up to
// Revision. Members with the same data answer the same.
type KVHash struct {
	Hash            uint32
	Revision        int64 // that was hashed; servers before 3.6 do not say and it is 0
	CompactRevision int64
}

// HashKV asks one member for the hash of its keys at revision rev, or at its
// newest if rev is 0. It reads every key, so only ctx bounds how long it takes.
func (c *Client) HashKV(ctx context.Context, endpoint string, rev int64) (KVHash, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return KVHash{}, err
	}
	resp, err := m.maintenance.HashKV(ctx, &pb.HashKVRequest{Revision: rev})
	if err != nil {
		return KVHash{}, m.explain(ctx, err)
	}
	return KVHash{resp.GetHash(), resp.GetHashRevision(), resp.GetCompactRevision()}, nil
}
