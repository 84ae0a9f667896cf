package noderestore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

var (
	// ErrEtcd is returned when etcd does not come to serve what it should.
	ErrEtcd = errors.New("etcd does not serve")
	// ErrAborted is returned when another node has given the restore up.
	ErrAborted = errors.New("the restore was given up by another node")
)

// startEtcd starts etcd on the new directory and waits until it serves the new cluster
// at the planned revision, which takes a quorum of it.
func (m *machine) startEtcd(ctx context.Context) error {
	if err := m.clientsOut(); err != nil {
		return err
	}
	// On a directory without data etcd would begin a cluster of its own.
	if id, err := clusterOf(m.data(), m.log()); err != nil || id != m.plan.Decision.ClusterID {
		return errors.Join(fmt.Errorf("%w: %s does not hold cluster %s", ErrEtcd, m.data(), m.plan.Decision.ClusterID), err)
	}
	if err := m.awaitTurn(ctx); err != nil {
		return err
	}
	if err := m.new.Start(ctx, m.part.pod(controlplane.Etcd)); err != nil {
		return err
	}
	if err := m.waitEtcd(ctx, m.Timeout, m.heedOthers(m.restoredHere)); err != nil {
		return err
	}
	return m.clientsOut() // still
}

// clientsOut makes sure that no API server comes up before the commit point (I7):
// somebody else, a configuration management say, may have put its manifest back.
func (m *machine) clientsOut() error {
	for _, p := range m.part.clients() {
		in, err := m.old.Where(p)
		if err == nil && in {
			err = fmt.Errorf("%w: that of %s is in", controlplane.ErrManifest, p.Component)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stopEtcd is the way back.
func (m *machine) stopEtcd(ctx context.Context) error {
	if err := m.new.TakeOut(m.part.pod(controlplane.Etcd)); err != nil {
		return err
	}
	return m.new.Halt(ctx, m.part.pod(controlplane.Etcd))
}

// serves reports whether the new cluster serves as it should, without waiting.
func (m *machine) serves(ctx context.Context) (bool, error) {
	if in, err := m.new.Where(m.part.pod(controlplane.Etcd)); err != nil || !in {
		return false, err
	}
	return m.clientsOut() == nil && m.restoredHere(ctx) == nil, ctx.Err()
}

// isRestored compares what a member says of itself with the plan.
func (m *machine) isRestored(s etcdclient.MemberStatus, member string) error {
	d := &m.plan.Decision
	switch {
	case s.Err != nil:
		return s.Err
	case hexID(s.ClusterID) != d.ClusterID || hexID(s.MemberID) != member:
		return fmt.Errorf("%w: %s is member %x of cluster %x, not %s of %s", ErrEtcd, s.Endpoint, s.MemberID, s.ClusterID, member, d.ClusterID)
	case s.Leader == 0:
		return fmt.Errorf("%w: %s sees no leader", ErrEtcd, s.Endpoint)
	case s.Revision < d.Revision:
		return fmt.Errorf("%w: %s is at revision %d, below %d", ErrEtcd, s.Endpoint, s.Revision, d.Revision)
	}
	return nil
}

// answers asks whether etcd serves, whatever its cluster.
func (m *machine) answers(ctx context.Context) error {
	client, _, err := m.dialEtcd(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	switch s := client.Members(ctx)[0]; {
	case s.Err != nil:
		return s.Err
	case s.Leader == 0:
		return fmt.Errorf("%w: %s sees no leader", ErrEtcd, s.Endpoint)
	}
	return nil
}

func (m *machine) memberID() string {
	cluster, err := m.plan.Decision.Cluster()
	if err != nil { // it was read before, in Decode
		return ""
	}
	member, _ := cluster.Member(m.part.Member)
	return hexID(member.ID)
}

// hopeless is how often etcd may end by itself before nobody waits for it any more.
const hopeless = 3

// waitEtcd asks again and again, until etcd is as it should be, time is up, its
// container has ended too often or another node goes back.
func (m *machine) waitEtcd(ctx context.Context, timeout time.Duration, ask func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := ask(limited)
		if err == nil || errors.Is(err, ErrAborted) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if crash := m.crashed(limited); crash != nil {
			return crash
		}
		if limited.Err() != nil {
			return hint.New(fmt.Errorf("%w after %s: %w", ErrEtcd, timeout, err), "look at its log: crictl ps -a --name etcd; give it longer with --timeout")
		}
		wait(limited, 50*time.Millisecond)
	}
}

// crashed reports an etcd that has ended by itself, again and again.
func (m *machine) crashed(ctx context.Context) error {
	pods, err := m.old.Find(ctx, m.part.pod(controlplane.Etcd))
	if err != nil {
		return nil // the question was another
	}
	for _, p := range pods {
		for _, c := range p.Containers {
			if c.Name != controlplane.Etcd || c.State != cri.Exited || c.Attempt+1 < hopeless {
				continue
			}
			why := strings.TrimSpace(fmt.Sprintf("exit code %d %s", c.ExitCode, c.Reason))
			return hint.New(fmt.Errorf("%w: its container has ended %d times, at last with %s", ErrEtcd, c.Attempt+1, why), "look at its log: crictl logs %.13s", c.ID)
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ahead is for how long an API server has the node to itself while it starts. The others
// wait for it anyway, and would do so with what it needs of the processor.
const ahead = 20 * time.Second

// startClients starts what uses etcd. From here on clients are served.
func (m *machine) startClients(ctx context.Context) error {
	first, rest := m.part.clients()[:1], m.part.clients()[1:]
	err := m.old.Start(ctx, first...)
	if err == nil {
		limited, cancel := context.WithTimeout(ctx, min(ahead, m.Timeout))
		defer cancel()
		_ = m.waitReady(limited) // whether it is is for another step to say
		return m.old.Start(ctx, rest...)
	}
	for _, p := range rest { // who mends the first by hand has them all
		err = errors.Join(err, m.old.PutIn(p))
	}
	return err
}
