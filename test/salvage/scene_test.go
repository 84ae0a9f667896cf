package salvage

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// workTimeout bounds the wait for acknowledgements. A slow disk gives dozens a second.
const workTimeout = 3 * time.Minute

// scene is a cluster, those who work with it, and what they know.
type scene struct {
	version etcdtest.Version
	cluster *etcdtest.Cluster
	journal *journal
	random  *rand.Rand
	revokes bool    // writers revoke leases
	expires bool    // leases end by themselves, so revisions go on without writers
	logins  []login // what to try where passwords are demanded

	workers sync.WaitGroup
	working context.Context
	stop    context.CancelFunc
}

// plan is how a scene begins.
type plan struct {
	args    []string // flags of every member
	walDirs bool     // the WAL is somewhere else than the data
	patient bool     // the first member can lead on without followers, see loseFollowers
}

// lagging adds the flags that keep etcd from writing its database, for as long as
// it can be kept from it. A revoked lease makes it write at once, and so does a
// compaction, or a snapshot of the log.
func lagging(args ...string) []string {
	return append(args, "--backend-batch-interval=10m", "--backend-batch-limit=1000000")
}

// newScene starts a cluster of three. The seed decides all that is random.
func newScene(t *testing.T, v etcdtest.Version, seed uint64, p plan) *scene {
	t.Helper()
	t.Logf("SALVAGE_SEED=%d repeats this: etcd %s %v, WAL elsewhere: %t", seed, v, p.args, p.walDirs)
	s := &scene{
		version: v,
		cluster: etcdtest.New(t, etcdtest.Config{Version: v, Size: 3, Args: p.args}),
		journal: new(journal),
		revokes: !slices.ContainsFunc(p.args, func(arg string) bool { return strings.HasPrefix(arg, "--backend-batch") }),
		random:  rand.New(rand.NewPCG(seed, 0)),
	}
	s.working, s.stop = context.WithCancel(t.Context())
	t.Cleanup(func() { s.rest() })
	if p.patient {
		for i, m := range s.cluster.Members {
			m.Args = []string{calm}
			if i == 0 {
				m.Args = []string{patient}
			}
		}
	}
	if p.walDirs {
		for _, m := range s.cluster.Members {
			m.WALDir = filepath.Join(t.TempDir(), m.Name+".wal")
		}
	}
	s.cluster.Start(t)
	return s
}

// work puts writers to work, each with a client of its own.
func (s *scene) work(t *testing.T, writers int) {
	t.Helper()
	if s.working.Err() != nil { // after a rest
		s.working, s.stop = context.WithCancel(t.Context())
	}
	for i := range writers {
		w := s.newWriter(t, fmt.Sprintf("w%d", i))
		s.workers.Go(func() { w.run(s.working) })
	}
}

func (s *scene) newWriter(t *testing.T, name string) *writer {
	t.Helper()
	return &writer{
		name:    name,
		client:  s.cluster.Client(t),
		journal: s.journal,
		random:  rand.New(rand.NewPCG(s.random.Uint64(), 0)),
		revokes: s.revokes,
	}
}

// await waits for a number of further acknowledgements.
func (s *scene) await(t *testing.T, acks int) {
	t.Helper()
	await(t, fmt.Sprintf("%d acknowledgements", acks), s.journal.after(acks))
}

func await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(workTimeout):
		t.Fatalf("no %s within %s", what, workTimeout)
	}
}

// rest ends the work. Requests under way stay unanswered.
func (s *scene) rest() {
	s.stop()
	s.workers.Wait()
}

// disaster kills all members at once, in a random order, while writers write.
func (s *scene) disaster(t *testing.T) {
	t.Helper()
	members := append([]*etcdtest.Member(nil), s.cluster.Members...)
	s.random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	etcdtest.Kill(t, members...)
	s.journal.end()
	s.rest()
}

// leader is the member that leads, and the others.
func (s *scene) leader(t *testing.T) (leader *etcdtest.Member, followers []*etcdtest.Member) {
	t.Helper()
	for _, m := range s.cluster.Members {
		status, err := m.Client(t).Status(t.Context(), m.ClientURL)
		if err != nil {
			t.Fatalf("status of %s: %v", m.Name, err)
		}
		if status.Leader == status.Header.MemberId {
			leader = m
		} else {
			followers = append(followers, m)
		}
	}
	if leader == nil {
		t.Fatal("nobody leads")
	}
	return leader, followers
}

// lead makes a member the leader. Nobody may be writing.
func (s *scene) lead(t *testing.T, m *etcdtest.Member) (leader *etcdtest.Member, followers []*etcdtest.Member) {
	t.Helper()
	leader, followers = s.leader(t)
	if leader == m {
		return leader, followers
	}
	status, err := m.Client(t).Status(t.Context(), m.ClientURL)
	if err == nil {
		_, err = leader.Client(t).MoveLeader(t.Context(), status.Header.MemberId)
	}
	if err != nil {
		t.Fatalf("%s is not made the leader: %v", m.Name, err)
	}
	if leader, followers = s.leader(t); leader != m {
		t.Fatalf("%s leads, which was to be %s", leader.Name, m.Name)
	}
	return leader, followers
}
