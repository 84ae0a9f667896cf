package salvage

import (
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// proof is the two results of one disaster.
type proof struct {
	include, committed salvaged
	tail, cut          evidence // of the restored clusters
}

// prove salvages a majority of the old members, with and without the tail, and
// holds what was restored from it against the journal and against etcd.
func (s *scene) prove(t *testing.T, given ...*etcdtest.Member) proof {
	t.Helper()
	before := fingerprint(t, given)
	var p proof
	p.include = salvage(t, given)
	p.committed = salvage(t, given, "--tail=committed")
	requireConsistent(t, p, len(given))
	requireSameAgain(t, given, p.include)
	requireUntouched(t, before, given)
	requireTools(t, p.include)
	s.proveTail(t, &p, given)
	s.proveCut(t, &p, given)
	return p
}

// proveTail compares what is salvaged by default with the old quorum, and both
// with the journal. That etcd agrees with the journal shows that the journal is right.
func (s *scene) proveTail(t *testing.T, p *proof, given []*etcdtest.Member) {
	t.Helper()
	rev := p.include.Revision
	var old evidence
	s.quorum(t, given, func(m *etcdtest.Member) {
		s.requireRevision(t, "the old members", m, rev)
		old = s.gather(t, m, rev)
	})
	requireJournal(t, "the old members", s.journal, old)
	s.boot(t, p.include, 3, func(m *etcdtest.Member) { p.tail = s.gather(t, m, rev) })
	if s.expires {
		p.tail.leases = leasesIn(t, p.include.Path, p.tail.keys)
	}
	requireJournal(t, "the restored cluster", s.journal, p.tail)
	requireSame(t, "old members, restored cluster", old, p.tail)
}

// proveCut compares what is salvaged without the tail with what the winner
// makes of its directory with --force-new-cluster. That knows only what the
// winner knew to be committed; salvage has also asked the others.
func (s *scene) proveCut(t *testing.T, p *proof, given []*etcdtest.Member) {
	t.Helper()
	dir, winner := p.committed.winner(t, given)
	knowsAll := max(dir.CommitIndex, dir.ConsistentIndex) == p.committed.CommittedIndex
	var old evidence
	s.alone(t, winner, func(m *etcdtest.Member) {
		rev := m.Revision(t)
		if want := p.committed.Revision; rev > want && !s.expires || rev < want && knowsAll {
			t.Errorf("--force-new-cluster is at revision %d, salvage at %d: %+v", rev, want, p.committed)
		}
		old = s.gather(t, m, min(rev, p.committed.Revision))
	})
	s.boot(t, p.committed, 1, func(m *etcdtest.Member) {
		p.cut = s.gather(t, m, p.committed.Revision)
		same := s.gather(t, m, old.rev)
		if !knowsAll { // they show only what is, not what was
			same.leases, same.auth = nil, nil
		}
		requireSame(t, "--force-new-cluster, restored cluster", old, same)
	})
	requireBeginning(t, p.cut, p.tail)
}

// gather asks a member what it held at a revision.
func (s *scene) gather(t *testing.T, m *etcdtest.Member, rev int64) evidence {
	t.Helper()
	e := gather(t, m, rev)
	e.auth = s.authOf(t, m)
	if s.expires { // they end while one looks
		e.leases = nil
	}
	return e
}

// boot restores a cluster of the given size and looks at its first member.
func (s *scene) boot(t *testing.T, from salvaged, size int, look func(*etcdtest.Member)) {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: s.version, Size: size})
	restoreAll(t, c, from.Path)
	c.User, c.Password = s.cluster.User, s.cluster.Password
	c.Start(t)
	defer c.Kill(t)
	s.requireRevision(t, "the restored cluster", c.Members[0], from.Revision)
	ours := hashKV(t, from)
	for _, m := range c.Members {
		theirs := m.HashKV(t, from.Revision)
		if theirs.Hash != ours || max(theirs.CompactRevision, 0) != max(from.CompactRevision, 0) {
			t.Errorf("%s has hash %d, compacted at %d; salvaged were %d, %d", m.Name, theirs.Hash, theirs.CompactRevision, ours, from.CompactRevision)
		}
	}
	look(c.Members[0])
}

// requireRevision wants a member to be where salvage is, or at most some expired
// leases further.
func (s *scene) requireRevision(t *testing.T, who string, m *etcdtest.Member, want int64) {
	t.Helper()
	if got := m.Revision(t); got < want || got > want && !s.expires {
		t.Errorf("%s: at revision %d, salvage says %d", who, got, want)
	}
}

// requireBeginning wants the shorter history to be how the longer one begins.
func requireBeginning(t *testing.T, short, long evidence) {
	t.Helper()
	for rev, events := range short.events {
		if rev > long.compacted && !sameEvents(events, long.events[rev]) {
			t.Errorf("without the tail revision %d did %s, with it %s", rev, describe(events), describe(long.events[rev]))
		}
	}
}

// requireSame wants the same keys, revisions, history and leases of both.
func requireSame(t *testing.T, who string, a, b evidence) {
	t.Helper()
	if a.hash != b.hash || a.compacted != b.compacted {
		t.Errorf("%s: hash %d and %d at revision %d, compacted at %d and %d", who, a.hash, b.hash, a.rev, a.compacted, b.compacted)
	}
	if diff := etcdtest.Diff(a.keys, b.keys); diff != "" {
		t.Errorf("%s: %s", who, diff)
	}
	for rev, events := range a.events {
		if !sameEvents(events, b.events[rev]) {
			t.Errorf("%s: revision %d did %s and %s", who, rev, describe(events), describe(b.events[rev]))
		}
	}
	if len(a.events) != len(b.events) {
		t.Errorf("%s: %d and %d revisions of history", who, len(a.events), len(b.events))
	}
	if diff := gocmp.Diff(a.leases, b.leases); diff != "" && a.leases != nil && b.leases != nil {
		t.Errorf("%s: leases\n%s", who, diff)
	}
	if diff := gocmp.Diff(a.auth, b.auth); diff != "" && a.auth != nil && b.auth != nil {
		t.Errorf("%s: authentication\n%s", who, diff)
	}
}

// requireConsistent wants a result that agrees with itself.
func requireConsistent(t *testing.T, p proof, given int) {
	t.Helper()
	for _, s := range []salvaged{p.include, p.committed} {
		if !s.Majority || s.DryRun || len(s.Directories) != given || s.voters() != 3 {
			t.Errorf("a majority of three voters was given: %+v", s)
		}
	}
	in, cut := p.include, p.committed
	if in.Tail != "include" || cut.Tail != "committed" {
		t.Errorf("tails are %q and %q", in.Tail, cut.Tail)
	}
	if in.AppliedIndex != in.LastIndex || cut.AppliedIndex != cut.CommittedIndex {
		t.Errorf("applied up to %d of %d, and up to %d of %d", in.AppliedIndex, in.LastIndex, cut.AppliedIndex, cut.CommittedIndex)
	}
	if in.CommittedIndex != cut.CommittedIndex || in.LastIndex != cut.LastIndex || in.Revision < cut.Revision {
		t.Errorf("the tail makes more of a difference than it should: %+v, %+v", in, cut)
	}
}

// voters counts the members that have a vote.
func (s salvaged) voters() (n int) {
	for _, m := range s.Members {
		if !m.Learner {
			n++
		}
	}
	return n
}

// requireSameAgain wants a second run to salvage the same.
func requireSameAgain(t *testing.T, given []*etcdtest.Member, first salvaged) {
	t.Helper()
	again := salvage(t, given, "--tail=include")
	a, b := hashKV(t, first), hashKV(t, again)
	if a != b || first.Revision != again.Revision {
		t.Errorf("salvaged twice: hash %d at revision %d, then %d at %d", a, first.Revision, b, again.Revision)
	}
}
