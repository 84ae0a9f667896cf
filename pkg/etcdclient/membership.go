package etcdclient

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// Errors of a change of the membership. Whoever gets them may try again.
var (
	// ErrNotInSync is returned for a learner that has not caught up with the leader.
	ErrNotInSync = errors.New("the learner has not caught up")
	// ErrReconfigure is returned when the cluster takes no change at present: it has
	// lost sight of a member, or has just found it.
	ErrReconfigure = errors.New("the cluster takes no new members now")
)

// AddLearner adds a member without a vote, at these peer URLs, and returns its ID.
func (c *Client) AddLearner(ctx context.Context, endpoint string, peerURLs []string) (uint64, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return 0, err
	}
	request, cancel := c.short(ctx)
	defer cancel()
	resp, err := m.client.MemberAddAsLearner(request, peerURLs)
	if err != nil {
		return 0, m.reconfiguration(ctx, err)
	}
	return resp.Member.GetID(), nil
}

// Promote gives a learner its vote.
func (c *Client) Promote(ctx context.Context, endpoint string, id uint64) error {
	m, err := c.member(endpoint)
	if err != nil {
		return err
	}
	request, cancel := c.short(ctx)
	defer cancel()
	_, err = m.client.MemberPromote(request, id)
	return m.reconfiguration(ctx, err)
}

// Remove takes a member out of the cluster for good: with its data it can never come
// back.
func (c *Client) Remove(ctx context.Context, endpoint string, id uint64) error {
	m, err := c.member(endpoint)
	if err != nil {
		return err
	}
	request, cancel := c.short(ctx)
	defer cancel()
	_, err = m.client.MemberRemove(request, id)
	return m.reconfiguration(ctx, err)
}

// reconfiguration recognizes the errors by their text: a member hands on what the
// leader answered without its code.
func (m *member) reconfiguration(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	explained := m.explain(ctx, err)
	for _, known := range []struct{ is, as error }{
		{rpctypes.ErrMemberLearnerNotReady, ErrNotInSync},
		{rpctypes.ErrUnhealthy, ErrReconfigure},
		{rpctypes.ErrMemberNotEnoughStarted, ErrReconfigure},
		{rpctypes.ErrTooManyLearners, ErrReconfigure},
	} {
		if strings.Contains(err.Error(), known.is.Error()) {
			return fmt.Errorf("%w: %w", known.as, explained)
		}
	}
	return explained
}
