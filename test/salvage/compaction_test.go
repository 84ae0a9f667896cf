package salvage

import (
	"context"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestCompaction compacts again and again while writers write. Slowed down, the
// server has marked much more as compacted than it has deleted when it dies.
func TestCompaction(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		for name, args := range map[string][]string{
			"finished":    lagging(),
			"interrupted": slowCompaction(v),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newScene(t, v, seed(t), plan{args: args})
				s.work(t, 4)
				client := s.cluster.Client(t)
				s.workers.Go(func() { s.compact(s.working, client) })
				s.await(t, 400+s.random.IntN(400))
				s.disaster(t)
				p := s.prove(t, s.cluster.Members[1:]...)
				if p.include.CompactRevision == 0 {
					t.Error("nothing is compacted")
				}
			})
		}
	})
}

// slowCompaction deletes a few revisions at a time and then pauses.
func slowCompaction(v etcdtest.Version) []string {
	prefix := "--"
	if v == etcdtest.V35 {
		prefix = "--experimental-"
	}
	return []string{prefix + "compaction-batch-limit=10", prefix + "compaction-sleep-interval=1s"}
}

// compact drops what is older than the last few revisions, every few
// acknowledgements.
func (s *scene) compact(ctx context.Context, client *clientv3.Client) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.journal.after(60):
		}
		resp, err := client.Get(ctx, "which revision?")
		if err != nil {
			continue // the end is near
		}
		// Whether it comes through makes no difference to what is acknowledged.
		_, _ = client.Compact(ctx, resp.Header.Revision-30)
	}
}
