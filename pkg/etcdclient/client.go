package etcdclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Flow control of one connection. gRPC starts with windows of 64 KiB and grows
// them by measuring; a snapshot is the same long rush every time, so they begin
// large. Together with the queues of a stream they bound the memory it takes.
const (
	windowSize     = 16 << 20
	readBufferSize = 256 << 10
)

// Client holds one connection for each endpoint.
type Client struct {
	cfg     Config
	members []*member
}

// member is one endpoint. err is why no connection could be made, if so.
type member struct {
	endpoint    string
	client      *clientv3.Client
	maintenance pb.MaintenanceClient
	err         error

	tlsConfig   *tls.Config
	dialTimeout time.Duration
}

// Dial reads the certificates and prepares a connection to each endpoint, all
// at once. An endpoint that is dead or denies us is no error here: it is
// reported by Members, and by the call that needs it.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if len(cfg.Endpoints) == 0 {
		return nil, hint.New(errors.New("no endpoints"), "give the client URL of at least one member")
	}
	tlsConfig, err := cfg.tlsConfig(time.Now())
	if err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, members: make([]*member, len(cfg.Endpoints))}
	var dialing sync.WaitGroup
	for i, endpoint := range cfg.Endpoints {
		dialing.Go(func() { c.members[i] = dial(ctx, cfg, endpoint, tlsConfig) })
	}
	dialing.Wait()
	return c, nil
}

// dial connects at once only if it has to log in; otherwise the first call does.
func dial(ctx context.Context, cfg Config, endpoint string, tlsConfig *tls.Config) *member {
	m := &member{endpoint: endpoint, tlsConfig: tlsConfig, dialTimeout: cfg.DialTimeout}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            []string{endpoint},
		TLS:                  tlsConfig.Clone(),
		Username:             cfg.Username,
		Password:             cfg.Password,
		DialTimeout:          cfg.DialTimeout + cfg.RequestTimeout, // it bounds the login
		DialKeepAliveTime:    cfg.KeepAliveTime,
		DialKeepAliveTimeout: cfg.KeepAliveTimeout,
		Context:              ctx,
		Logger:               zap.NewNop(),
		DialOptions: []grpc.DialOption{
			grpc.WithInitialWindowSize(windowSize),
			grpc.WithInitialConnWindowSize(windowSize),
			grpc.WithReadBufferSize(readBufferSize),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.DefaultConfig,
				MinConnectTimeout: cfg.DialTimeout,
			}),
		},
	})
	if err != nil {
		m.err = m.explain(ctx, err)
		return m
	}
	m.client, m.maintenance = client, pb.NewMaintenanceClient(client.ActiveConnection())
	return m
}

// Close ends all connections.
func (c *Client) Close() error {
	var errs []error
	for _, m := range c.members {
		if m.client != nil {
			errs = append(errs, m.client.Close())
		}
	}
	return errors.Join(errs...)
}

// member finds a connection by its endpoint.
func (c *Client) member(endpoint string) (*member, error) {
	i := slices.IndexFunc(c.members, func(m *member) bool { return m.endpoint == endpoint })
	if i < 0 {
		return nil, fmt.Errorf("%s is none of the endpoints", endpoint)
	}
	return c.members[i], c.members[i].err
}

// Raw is etcd's own client for one endpoint, for what has no method here. It is
// closed with c.
func (c *Client) Raw(endpoint string) (*clientv3.Client, error) {
	m, err := c.member(endpoint)
	if err != nil {
		return nil, err
	}
	return m.client, nil
}

// short returns a context for one short request, connecting included.
func (c *Client) short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.cfg.DialTimeout+c.cfg.RequestTimeout)
}
