package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestLearner restores one of three members as a learner.
func TestLearner(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := sourceOf(t, v)
		c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
		p := restoreAll(t, c, s.file, append(noBump(), "--learner", "m3")...)
		voter, learner := c.Members[1], c.Members[2]
		if !learner.Learner || voter.Learner {
			t.Fatalf("the result does not name the learner: %+v", p.Members)
		}
		c.Start(t)
		requireMembers(t, c, p)
		requireWrite(t, c.Client(t), "after", s.revision+1)
		awaitRevision(t, learner, s.revision+1)

		// One of the two voters is gone, and the learner is no replacement.
		voter.Kill(t)
		awaitNoLeader(t, c.Members[0])
		voter.Start(t)
		settle(t, c)
		requireMembers(t, c, p)

		promote(t, c, parseID(t, idOf(t, p, learner.Name)))
		learner.Learner = false
		// Who has not applied the promotion counts votes without m3: if the leader is
		// gone before the others know that it was committed, they wait for it.
		requireWrite(t, c.Client(t), "promoted", s.revision+2)
		for _, m := range c.Members {
			awaitRevision(t, m, s.revision+2)
		}
		voter.Kill(t)
		settle(t, c)
		requireWrite(t, c.Client(t), "with the vote of m3", s.revision+3)
		voter.Start(t)
		requireSameHash(t, c, s.revision+3)
	})
}

func idOf(t *testing.T, p plan, name string) string {
	t.Helper()
	for _, m := range p.Members {
		if m.Name == name {
			return m.ID
		}
	}
	t.Fatalf("%s is not in %+v", name, p.Members)
	return ""
}

// promote makes the learner a voter as soon as the leader thinks it is ready.
func promote(t *testing.T, c *etcdtest.Cluster, id uint64) {
	t.Helper()
	client := c.Client(t)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, err := client.MemberPromote(t.Context(), id)
		if err == nil {
			return
		}
		notYet := errors.Is(err, rpctypes.ErrMemberLearnerNotReady) || errors.Is(err, rpctypes.ErrUnhealthy)
		if !notYet || time.Now().After(deadline) {
			t.Fatalf("promote: %v", err)
		}
	}
}

// awaitRevision waits until the member itself has got to revision rev.
func awaitRevision(t *testing.T, m *etcdtest.Member, rev int64) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := m.Revision(t)
		if got == rev {
			return
		}
		if got > rev || time.Now().After(deadline) {
			t.Fatalf("%s is at revision %d, want %d", m.Name, got, rev)
		}
	}
}

// awaitNoLeader waits until the member follows nobody, and tries to write.
func awaitNoLeader(t *testing.T, m *etcdtest.Member) {
	t.Helper()
	client := m.Client(t)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, err := client.Status(t.Context(), m.ClientURL)
		if err == nil && status.Leader == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s still follows a leader: %v, %v", m.Name, status, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := client.Put(ctx, "without quorum", ""); err == nil {
		t.Errorf("%s accepted a write without a leader", m.Name)
	}
}
