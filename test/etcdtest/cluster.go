package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Config describes a cluster.
type Config struct {
	Version Version
	Size    int      // members m1, m2, …; zero means one
	TLS     *TLS     // nil: plain HTTP
	Token   string   // empty: etcd's default, as in a kubeadm cluster
	Args    []string // further flags of every member
}

// Cluster is a set of members that were or will be started together.
type Cluster struct {
	Members []*Member

	// Who clients log in as; empty until authentication is enabled.
	User, Password string

	cfg   Config
	dir   string
	state string // --initial-cluster-state: new, until a member is added
}

// New settles names, ports and directories, and starts nothing. It skips the
// test where the version is not available.
func New(t T, cfg Config) *Cluster {
	t.Helper()
	Binary(t, cfg.Version, "etcd")
	if cfg.Token == "" {
		cfg.Token = "etcd-cluster"
	}
	c := &Cluster{cfg: cfg, dir: t.TempDir(), state: "new"}
	for range max(cfg.Size, 1) {
		c.add(t)
	}
	t.Cleanup(func() { c.end(t) })
	return c
}

// end shows the members' last words if the test failed, and then kills
// whatever still runs.
func (c *Cluster) end(t T) {
	if t.Failed() {
		for _, m := range c.Members {
			t.Logf("%s", m.LogTail(15))
		}
	}
	c.Kill(t)
}

func (c *Cluster) add(t T) *Member {
	t.Helper()
	name := fmt.Sprintf("m%d", len(c.Members)+1)
	m := &Member{
		Name:      name,
		DataDir:   filepath.Join(c.dir, name+".etcd"),
		PeerURL:   c.url(port(t)),
		ClientURL: c.url(port(t)),
		LogFile:   filepath.Join(c.dir, name+".log"),
		cluster:   c,
	}
	c.Members = append(c.Members, m)
	return m
}

func (c *Cluster) url(port int) string {
	if c.cfg.TLS != nil {
		return fmt.Sprintf("https://127.0.0.1:%d", port)
	}
	return fmt.Sprintf("http://127.0.0.1:%d", port)
}

// Start starts every member that is not running and waits until all serve.
func (c *Cluster) Start(t T) {
	t.Helper()
	for _, m := range c.Members {
		if !m.Running() {
			m.Start(t)
		}
	}
	for _, m := range c.Members {
		m.Ready(t)
	}
}

// AddLearner adds a member that does not vote, starts it and waits until it
// follows.
func (c *Cluster) AddLearner(t T) *Member {
	t.Helper()
	client := c.Client(t)
	m := c.add(t)
	c.reconfigure(t, "add learner "+m.Name, func(ctx context.Context) error {
		_, err := client.MemberAddAsLearner(ctx, []string{m.PeerURL})
		return err
	})
	m.Learner = true
	c.state = "existing"
	m.Start(t)
	m.Ready(t)
	return m
}

// Promote makes the learner a voter as soon as the leader finds that it has
// caught up.
func (c *Cluster) Promote(t T, m *Member) {
	t.Helper()
	client, id := c.Client(t), c.id(t, m)
	c.reconfigure(t, "promote "+m.Name, func(ctx context.Context) error {
		_, err := client.MemberPromote(ctx, id)
		return err
	})
	m.Learner = false
}

// reconfigure changes the membership as soon as etcd agrees to it: it wants its
// members to have been connected for five seconds, and learners to have caught up.
func (c *Cluster) reconfigure(t T, what string, change func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	for {
		err := change(ctx)
		if err == nil {
			return
		}
		if !errors.Is(err, rpctypes.ErrMemberLearnerNotReady) && !errors.Is(err, rpctypes.ErrUnhealthy) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Remove removes a member from the cluster and waits until its process, which
// learns of it, has ended.
func (c *Cluster) Remove(t T, m *Member) {
	t.Helper()
	client, id := c.client(t, m), c.id(t, m) // m would stop before it answers
	c.reconfigure(t, "remove "+m.Name, func(ctx context.Context) error {
		_, err := client.MemberRemove(ctx, id)
		return err
	})
	_ = m.Wait(t) // how it ends is its own affair
}

// id finds the member by its peer URL: a learner that never started has no name.
func (c *Cluster) id(t T, m *Member) uint64 {
	t.Helper()
	for _, listed := range c.MemberList(t) {
		if slices.Contains(listed.PeerURLs, m.PeerURL) {
			return listed.ID
		}
	}
	t.Fatalf("%s is not in the member list", m.Name)
	return 0
}

// Kill ends every running member with SIGKILL, all at the same moment.
func (c *Cluster) Kill(t T) {
	t.Helper()
	Kill(t, c.Members...)
}

// Stop ends every running member with SIGTERM.
func (c *Cluster) Stop(t T) {
	t.Helper()
	for _, m := range c.Members {
		if m.Running() {
			m.Stop(t)
		}
	}
}

// InitialCluster is the value of --initial-cluster, for etcd and for a restore.
func (c *Cluster) InitialCluster() string {
	var pairs []string
	for _, m := range c.Members {
		pairs = append(pairs, m.Name+"="+m.PeerURL)
	}
	return strings.Join(pairs, ",")
}

// Endpoints are the client URLs of all members.
func (c *Cluster) Endpoints() []string {
	var urls []string
	for _, m := range c.Members {
		urls = append(urls, m.ClientURL)
	}
	return urls
}

// Client is connected to every voting member (learners refuse most requests)
// and closed at the end of the test.
func (c *Cluster) Client(t T) *clientv3.Client {
	t.Helper()
	return c.client(t, nil)
}

// client leaves one of the members out.
func (c *Cluster) client(t T, not *Member) *clientv3.Client {
	t.Helper()
	var voters []string
	for _, m := range c.Members {
		if !m.Learner && m != not {
			voters = append(voters, m.ClientURL)
		}
	}
	return c.dial(t, voters)
}

// Client is connected to this member alone.
func (m *Member) Client(t T) *clientv3.Client {
	t.Helper()
	return m.cluster.dial(t, []string{m.ClientURL})
}
