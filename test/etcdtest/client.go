package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// loginTimeout bounds a connection, and a login, which etcd's client waits for when it
// is made.
const loginTimeout = 30 * time.Second

func (c *Cluster) dial(t T, endpoints []string) *clientv3.Client {
	t.Helper()
	return c.dialAs(t, endpoints, c.User, c.Password)
}

func (c *Cluster) dialAs(t T, endpoints []string, user, password string) *clientv3.Client {
	t.Helper()
	cfg := clientv3.Config{
		Endpoints: endpoints,
		Username:  user,
		Password:  password,
		Logger:    zap.NewNop(), // a server that is still booting is no news
		// gRPC's own first pause is a second, longer than etcd takes to boot.
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 250 * time.Millisecond},
			// Without this a connection that takes longer than the first pause is cut.
			MinConnectTimeout: loginTimeout,
		})},
	}
	if user != "" {
		cfg.DialTimeout = loginTimeout
	}
	if c.cfg.TLS != nil {
		tls, err := c.cfg.TLS.ClientConfig()
		if err != nil {
			t.Fatalf("client certificate: %v", err)
		}
		cfg.TLS = tls
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		t.Fatalf("client of %s: %v", endpoints, err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// ready returns nil as soon as the member serves. A voter must answer a
// linearizable read: it does so only under a leader, and with everything
// applied that was committed when the read began. A learner refuses such reads;
// it is ready when it follows a leader and has applied all that it has.
func (m *Member) ready(ctx context.Context, client *clientv3.Client) error {
	const pause = 20 * time.Millisecond
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := m.probe(attempt, client)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (m *Member) probe(ctx context.Context, client *clientv3.Client) error {
	if !m.Learner {
		_, err := client.Get(ctx, "ready?")
		if errors.Is(err, rpctypes.ErrUserEmpty) { // it asks who wants to know after it has agreed with its peers
			return nil
		}
		return err
	}
	status, err := client.Status(ctx, m.ClientURL)
	if err == nil && (status.Leader == 0 || status.RaftAppliedIndex < status.RaftIndex) {
		err = fmt.Errorf("learner has applied %d of %d entries under leader %x", status.RaftAppliedIndex, status.RaftIndex, status.Leader)
	}
	return err
}

// MemberList asks the cluster for its members.
func (c *Cluster) MemberList(t T) []*pb.Member {
	t.Helper()
	resp, err := c.Client(t).MemberList(t.Context())
	if err != nil {
		t.Fatalf("member list: %v", err)
	}
	return resp.Members
}

// HashKV returns the hash of each member's keys at revision rev (zero: its
// current one), by member name.
func (c *Cluster) HashKV(t T, rev int64) map[string]uint32 {
	t.Helper()
	hashes := make(map[string]uint32)
	for _, m := range c.Members {
		hashes[m.Name] = m.HashKV(t, rev).Hash
	}
	return hashes
}

// HashKV returns the hash of the member's keys at revision rev (zero: its
// current one).
func (m *Member) HashKV(t T, rev int64) *clientv3.HashKVResponse {
	t.Helper()
	resp, err := m.Client(t).HashKV(t.Context(), m.ClientURL, rev)
	if err != nil {
		t.Fatalf("hashkv of %s at revision %d: %v", m.Name, rev, err)
	}
	return resp
}

// Revision is the member's own current revision.
func (m *Member) Revision(t T) int64 {
	t.Helper()
	resp, err := m.Client(t).Status(t.Context(), m.ClientURL)
	if err != nil {
		t.Fatalf("status of %s: %v", m.Name, err)
	}
	return resp.Header.Revision
}

// Keys returns every key as it stood at revision rev (zero: now), in order.
func (c *Cluster) Keys(t T, rev int64) []*mvccpb.KeyValue {
	t.Helper()
	resp, err := c.Client(t).Get(t.Context(), "", clientv3.WithFromKey(), clientv3.WithRev(rev))
	if err != nil {
		t.Fatalf("keys at revision %d: %v", rev, err)
	}
	return resp.Kvs
}
