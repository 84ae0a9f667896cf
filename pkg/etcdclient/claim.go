package etcdclient

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Claim is what a key says that only the first who asks may write.
type Claim struct {
	Value    string
	Revision int64 // of the cluster when it answered
}

// Claim writes value under key unless something stands there, in one step, and
// returns what stands there then. It needs a quorum.
func (c *Client) Claim(ctx context.Context, endpoint, key, value string) (Claim, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return Claim{}, err
	}
	request, cancel := c.short(ctx)
	defer cancel()
	resp, err := m.client.Txn(request).
		If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, value)).
		Else(clientv3.OpGet(key)).
		Commit()
	if err != nil {
		return Claim{}, m.explain(ctx, err)
	}
	claim := Claim{Value: value, Revision: resp.Header.GetRevision()}
	if !resp.Succeeded {
		kvs := resp.Responses[0].GetResponseRange().GetKvs()
		if len(kvs) != 1 {
			return Claim{}, fmt.Errorf("%s: key %q is there and is not", endpoint, key)
		}
		claim.Value = string(kvs[0].GetValue())
	}
	return claim, nil
}

// Claimed returns what stands under key, or "" if nobody has claimed it. It needs a
// quorum.
func (c *Client) Claimed(ctx context.Context, endpoint, key string) (Claim, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return Claim{}, err
	}
	request, cancel := c.short(ctx)
	defer cancel()
	resp, err := m.client.Get(request, key)
	if err != nil {
		return Claim{}, m.explain(ctx, err)
	}
	claim := Claim{Revision: resp.Header.GetRevision()}
	for _, kv := range resp.Kvs {
		claim.Value = string(kv.Value)
	}
	return claim, nil
}

// Member is a member as the cluster lists it.
type Member struct {
	ID         uint64
	Name       string // "" until it has started
	PeerURLs   []string
	ClientURLs []string
	Learner    bool
}

// MemberList returns the members of the cluster as the member at endpoint knows them.
func (c *Client) MemberList(ctx context.Context, endpoint string) ([]Member, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return nil, err
	}
	request, cancel := c.short(ctx)
	defer cancel()
	resp, err := m.client.MemberList(request)
	if err != nil {
		return nil, m.explain(ctx, err)
	}
	var members []Member
	for _, e := range resp.Members {
		members = append(members, Member{e.GetID(), e.GetName(), e.GetPeerURLs(), e.GetClientURLs(), e.GetIsLearner()})
	}
	return members, nil
}

// Compacted reports whether history at a revision is gone.
func (c *Client) Compacted(ctx context.Context, endpoint string, revision int64) (bool, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return false, err
	}
	request, cancel := c.short(ctx)
	defer cancel()
	_, err = m.client.Get(request, "\x00", clientv3.WithRev(revision), clientv3.WithLimit(1))
	if errors.Is(err, rpctypes.ErrCompacted) {
		return true, nil
	}
	return false, m.explain(ctx, err)
}
