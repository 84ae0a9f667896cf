package salvage

import (
	"context"
	"fmt"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// briefly is how many seconds leases live that are to end, the least etcd grants.
const briefly = 2

// TestExpiringLeases has leases end while writers write, so that the log holds
// etcd's own revocations, and some more are about to end when all is lost.
func TestExpiringLeases(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{args: lagging()})
		s.expires = true
		expired := make(chan struct{}, 1000)
		for i := range 12 {
			w := s.newWriter(t, fmt.Sprintf("lease%d", i))
			s.workers.Go(func() { w.lend(s.working, expired) })
		}
		s.work(t, 2)
		const wanted = 24
		for range wanted {
			await(t, "expired lease", expired)
		}
		s.await(t, 1+s.random.IntN(300))
		s.disaster(t)
		s.prove(t, s.cluster.Members[s.random.IntN(2)], s.cluster.Members[2])
	})
}

// TestLeaseEndsInTail has etcd revoke an expired lease when nobody is left to
// agree: the revocation is in the log, but not in the database.
func TestLeaseEndsInTail(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{patient: true})
		s.expires = true
		s.work(t, 2)
		s.await(t, 100)
		w := s.newWriter(t, "lease")
		l, followers := s.lendBriefly(t, w)
		before := lastIndex(t, l.leader)
		awaitCondition(t, "the revocation in the log of "+l.leader.Name, func() bool { return lastIndex(t, l.leader) > before })
		l.end(t)
		p := s.prove(t, l.leader, followers[0])
		with, without := len(p.tail.below(w.life.prefix)), len(p.cut.below(w.life.prefix))
		if with != 0 || without != 2 {
			t.Errorf("%d of 2 keys are left with the tail, %d without it", with, without)
		}
	})
}

// lendBriefly grants a lease that will soon end, and leaves its leader alone.
func (s *scene) lendBriefly(t *testing.T, w *writer) (*tail, []*etcdtest.Member) {
	t.Helper()
	s.rest()
	// First, as a new leader lets every lease live longer.
	leader, followers := s.lead(t, s.cluster.Members[0])
	w.begin()
	w.life.granted, w.life.ttl = time.Now(), briefly*time.Second
	id := clientv3.LeaseID(1 + w.random.Int64N(1<<62))
	w.must(t, grant(id, briefly))
	w.must(t, w.put(w.life.prefix+"00", id))
	w.must(t, w.put(w.life.prefix+"01", id))
	// etcd grants no lease for less than one and a half election timeouts.
	awaitCondition(t, "the lease to be about to end", func() bool {
		resp, err := w.client.TimeToLive(t.Context(), id)
		return err == nil && resp.TTL <= 8
	})
	return s.abandon(t, leader, followers), followers
}

// lend attaches keys to a lease and waits until both are gone, again and again.
func (w *writer) lend(ctx context.Context, expired chan<- struct{}) {
	for ctx.Err() == nil {
		w.begin()
		w.life.granted, w.life.ttl = time.Now(), briefly*time.Second
		id := clientv3.LeaseID(1 + w.random.Int64N(1<<62))
		alive := w.do(ctx, grant(id, briefly))
		for i := 0; alive && i <= w.random.IntN(3); i++ {
			alive = w.do(ctx, w.put(fmt.Sprintf("%s%02d", w.life.prefix, i), id))
		}
		if alive && w.gone(ctx) {
			expired <- struct{}{}
		}
	}
}

// gone waits until the last key of this life is deleted.
func (w *writer) gone(ctx context.Context) bool {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for resp := range w.client.Watch(ctx, w.life.prefix, clientv3.WithPrefix(), clientv3.WithRev(w.last()+1)) {
		for _, e := range resp.Events {
			if e.Type == clientv3.EventTypeDelete {
				return true
			}
		}
	}
	return false
}
