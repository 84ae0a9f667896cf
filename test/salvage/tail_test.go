package salvage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.uber.org/zap"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// A leader whose followers have died leads for one election timeout more at the
// least: the patient one long enough for all that nobody will acknowledge, on a
// machine that is slow.
const (
	patient   = "--election-timeout=20000"
	calm      = "--election-timeout=5000" // of those who are not to disturb it
	impatient = "--election-timeout=1000" // etcd's default
)

// TestOldLeader gives the leader a long tail, lets the others go on without it,
// and then has it and one of them: the shorter log is the one that counts.
func TestOldLeader(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{patient: true})
		s.work(t, 2)
		s.await(t, 100)
		wishes := s.wishes(t)
		l, followers := s.loseFollowers(t)
		for _, w := range wishes {
			l.send(t, *w.unknown)
		}
		l.end(t)
		for _, m := range followers {
			m.Args = []string{impatient}
			m.Start(t)
		}
		for _, m := range followers {
			m.Ready(t)
		}
		w := s.newWriter(t, "later")
		w.begin()
		for range 3 {
			w.must(t, w.put(w.key(), 0))
		}
		s.disaster(t)
		if old, now := lastIndex(t, l.leader), lastIndex(t, followers[1]); old <= now {
			t.Fatalf("the old leader's log ends at %d, the new one at %d: this proves nothing", old, now)
		}

		p := s.prove(t, l.leader, followers[1])
		if _, winner := p.include.winner(t, s.cluster.Members); winner != followers[1] {
			t.Errorf("%s wins with a log of an older term: %+v", winner.Name, p.include.Directories)
		}
		for _, w := range wishes {
			if w.granted(p.tail) {
				t.Errorf("%s was overruled, and is in the snapshot", w.unknown.what)
			}
		}
	})
}

// tail is a leader without followers that takes requests into its log.
type tail struct {
	scene  *scene
	leader *etcdtest.Member
	client *clientv3.Client

	asking context.Context // until the leader is dead
	stop   context.CancelFunc
}

// loseFollowers ends the work, makes the patient member the leader, and ends the
// others.
func (s *scene) loseFollowers(t *testing.T) (*tail, []*etcdtest.Member) {
	t.Helper()
	s.rest()
	leader, followers := s.lead(t, s.cluster.Members[0])
	return s.abandon(t, leader, followers), followers
}

// abandon ends the followers of a leader.
func (s *scene) abandon(t *testing.T, leader *etcdtest.Member, followers []*etcdtest.Member) *tail {
	t.Helper()
	client := leader.Client(t) // logs in while somebody can be asked
	etcdtest.Kill(t, followers...)
	asking, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	return &tail{s, leader, client, asking, stop}
}

// send sends a request and waits until it is in the log of the leader. It must
// not be acknowledged.
func (l *tail) send(t *testing.T, r request) {
	t.Helper()
	before := lastIndex(t, l.leader)
	l.scene.workers.Go(func() {
		if _, err := r.send(l.asking, l.client); err == nil {
			l.scene.journal.impossible("%s was acknowledged by a leader without followers", r.what)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); lastIndex(t, l.leader) == before; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not in the log of %s\n%s", r.what, l.leader.Name, l.leader.LogTail(5))
		}
	}
}

// end kills the leader.
func (l *tail) end(t *testing.T) {
	t.Helper()
	etcdtest.Kill(t, l.leader)
	l.scene.journal.end()
	l.stop()
	l.scene.workers.Wait()
}

// lastIndex reads the log of a member, which may be running.
func lastIndex(t *testing.T, m *etcdtest.Member) uint64 {
	t.Helper()
	dir := m.WALDir
	if dir == "" {
		dir = filepath.Join(m.DataDir, "member", "wal")
	}
	w, err := wal.OpenForRead(zap.NewNop(), dir, new(walpb.Snapshot))
	if err != nil {
		t.Fatalf("log of %s: %v", m.Name, err)
	}
	defer w.Close()
	_, _, entries, err := w.ReadAll()
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // a record is being written
		t.Fatalf("log of %s: %v", m.Name, err)
	}
	if len(entries) == 0 {
		return 0
	}
	return entries[len(entries)-1].GetIndex()
}

// TestTail gives the leader requests that cannot be acknowledged. They were
// asked for and nobody was told that they failed, so etcd keeps them if their
// member wins the next election, and so does salvage unless told otherwise.
func TestTail(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		for _, c := range []struct {
			name   string
			leader bool // its directory is there
		}{{"with the leader", true}, {"without the leader", false}} {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				tailOfTheLeader(t, v, c.leader)
			})
		}
	})
}

func tailOfTheLeader(t *testing.T, v etcdtest.Version, withLeader bool) {
	s := newScene(t, v, seed(t), plan{patient: true})
	s.work(t, 4)
	s.await(t, 200)
	wishes := s.wishes(t)
	l, followers := s.loseFollowers(t)
	for _, w := range wishes {
		l.send(t, *w.unknown)
	}
	l.end(t)

	given := followers
	if withLeader {
		given = []*etcdtest.Member{l.leader, followers[0]}
	}
	p := s.prove(t, given...)
	for _, w := range wishes {
		if got := w.granted(p.tail); got != withLeader {
			t.Errorf("%s is in the snapshot: %t, want %t", w.unknown.what, got, withLeader)
		}
		if w.granted(p.cut) {
			t.Errorf("%s is in the snapshot that was to have only what is committed", w.unknown.what)
		}
	}
	got := p.include.LastIndex - p.include.CommittedIndex // with what writers had under way
	if withLeader && (got < uint64(len(wishes)) || p.include.EntriesReplayed < len(wishes)) {
		t.Errorf("the tail has %d entries and %d were replayed, %d were sent", got, p.include.EntriesReplayed, len(wishes))
	}
}

// wish is a life whose last request comes too late to be acknowledged.
type wish struct {
	*life
	before *state
	// compacts is the revision that the request compacts, if that is what it does.
	compacts int64
}

// granted tells whether the last request was fulfilled after all.
func (w wish) granted(e evidence) bool {
	if w.compacts != 0 {
		return e.compacted == w.compacts
	}
	kvs := e.below(w.prefix)
	after := w.before.clone()
	after.apply(*w.unknown, revisionOf(*w.unknown, kvs))
	c := checker{evidence: e}
	return c.diff(w.life, after, kvs) == ""
}

// wishes prepares requests of every kind; a compaction of all that is
// acknowledged is in the middle.
func (s *scene) wishes(t *testing.T) []wish {
	t.Helper()
	w := s.newWriter(t, "tail")
	key := func(n int) string { return fmt.Sprintf("%s%02d", w.life.prefix, n) }
	leased := func() { w.must(t, w.grant()); w.must(t, w.put(key(0), w.lease())) }
	wishes := []wish{
		w.wish(func() request { return w.put(key(0), 0) }),
		w.wish(func() request {
			w.must(t, w.put(key(0), 0))
			w.must(t, w.put(key(2), 0))
			return w.compare(key(0), 0, []change{{key: key(0), value: "a"}, {key: key(1), value: "b"}, {key: key(2), deleted: true}})
		}),
		w.wish(func() request { return w.compare(key(0), 1, []change{{key: key(1), value: "c"}}) }),
		w.wish(func() request { return w.grant() }),
		w.wish(func() request { leased(); return w.put(key(1), w.lease()) }),
		w.wish(func() request { leased(); return w.revoke() }),
		w.wish(func() request { w.must(t, w.put(key(0), 0)); return compaction(w.last()) }),
		w.wish(func() request { w.must(t, w.put(key(0), 0)); return w.delete(key(0), "") }),
		w.wish(func() request { w.must(t, w.put(key(0), 0)); return w.put(key(0), 0) }),
	}
	for i := range wishes {
		if strings.HasPrefix(wishes[i].unknown.what, "compaction") {
			wishes[i].compacts = wishes[i].acks[0].rev
		}
	}
	return wishes
}

// wish begins a life, prepares it, and takes its last request.
func (w *writer) wish(prepare func() request) wish {
	w.begin()
	r := prepare()
	w.life.unknown = &r
	return wish{life: w.life, before: w.state}
}

// must sends a request that has to be acknowledged.
func (w *writer) must(t *testing.T, r request) {
	t.Helper()
	if !w.do(t.Context(), r) {
		t.Fatalf("%s failed on a healthy cluster", r.what)
	}
}

// compaction drops the history before a revision.
func compaction(rev int64) request {
	return request{
		what: fmt.Sprintf("compaction at %d", rev),
		send: func(ctx context.Context, c *clientv3.Client) (*pb.ResponseHeader, error) {
			resp, err := c.Compact(ctx, rev)
			if err != nil {
				return nil, err
			}
			return resp.Header, nil
		},
	}
}
