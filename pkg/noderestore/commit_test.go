package noderestore

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// says is what the key says, by etcd or, if that is down, by its log.
func (m *machine) says(t *testing.T) string {
	t.Helper()
	done, err := m.committed(t.Context())
	must(t, err)
	log, err := m.claimInLog()
	must(t, err)
	if done != (log.value == committed) {
		t.Errorf("committed: %t, and its log says %q", done, log.value)
	}
	return log.value
}

// The first who writes the key decides (I7), and the log of a dead etcd still tells.
func TestCommitPoint(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		write func(*testing.T, *machine)
		want  string
	}{
		"nobody has come so far": {func(*testing.T, *machine) {}, ""},
		"committed first": {func(t *testing.T, m *machine) {
			must(t, m.commit(t.Context()))
			must(t, m.commit(t.Context())) // resumed
			if value, err := m.claim(t.Context(), m.etcd.Endpoints[0], aborted); value != committed || err != nil {
				t.Errorf("%q, %v", value, err)
			}
		}, committed},
		"aborted first": {func(t *testing.T, m *machine) {
			if value, err := m.claim(t.Context(), m.etcd.Endpoints[0], aborted); value != aborted || err != nil {
				t.Errorf("%q, %v", value, err)
			}
			if err := m.commit(t.Context()); !errors.Is(err, ErrAborted) {
				t.Errorf("got %v", err)
			}
		}, aborted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newParty(t, 1)
			m := p.nodes[0].machine
			m.run = nil // nothing is asked of it
			tc.write(t, m)
			if got := m.says(t); got != tc.want {
				t.Errorf("it says %q, want %q", got, tc.want)
			}
			p.cluster.Kill(t)
			m.etcd.RequestTimeout = time.Second
			if got := m.says(t); got != tc.want {
				t.Errorf("its log says %q, want %q", got, tc.want)
			}
			must(t, m.settle(t.Context())) // there is nobody to take it away from
		})
	}
}

// An etcd of the old cluster, of a node that has gone back, is not written to.
func TestClaimRefusesOthers(t *testing.T) {
	t.Parallel()
	p := newParty(t, 1)
	m := p.nodes[0].machine
	m.plan.Decision.ClusterID = "1234"
	if value, err := m.claim(t.Context(), m.etcd.Endpoints[0], aborted); !errors.Is(err, ErrEtcd) || value != "" {
		t.Errorf("%q, %v", value, err)
	}
	if keys := p.cluster.Keys(t, 0); len(keys) > 0 {
		t.Errorf("%d keys were written", len(keys))
	}
}

// What another leader replaced was never agreed on.
func TestClaimInLogReplaced(t *testing.T) {
	t.Parallel()
	m := bare(&Plan{Decision: Decision{ClusterID: "c1"}, Node: Part{NewData: t.TempDir(), Mode: ModeManifest}})
	entry := func(term, index uint64, text string) *raftpb.Entry {
		return &raftpb.Entry{Type: raftpb.EntryNormal.Enum(), Term: &term, Index: &index, Data: []byte(text)}
	}
	key := m.key() + " "
	for name, tc := range map[string]struct {
		log  []*raftpb.Entry
		want string
	}{
		"none":                        {[]*raftpb.Entry{entry(1, 1, "x"), entry(1, 2, "committed")}, ""},
		"replaced by another":         {[]*raftpb.Entry{entry(1, 1, key+committed), entry(2, 1, key+aborted)}, aborted},
		"replaced by something else":  {[]*raftpb.Entry{entry(1, 2, key+aborted), entry(2, 1, "x"), entry(2, 2, "y")}, ""},
		"replaced from further ahead": {[]*raftpb.Entry{entry(1, 1, "x"), entry(1, 2, key+aborted), entry(2, 1, key+committed)}, committed},
		"the first counts":            {[]*raftpb.Entry{entry(1, 1, key+aborted), entry(1, 2, key+committed), entry(2, 2, "y")}, aborted},
		"of another restore":          {[]*raftpb.Entry{entry(1, 1, keyPrefix+"c2 "+committed)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, agreed := range []bool{false, true} {
				must(t, os.RemoveAll(filepath.Dir(m.log())))
				must(t, os.MkdirAll(filepath.Dir(m.log()), 0o700))
				// The member 1 of the cluster 1.
				w, err := wal.Create(zap.NewNop(), m.log(), []byte{8, 1, 16, 1})
				must(t, err)
				for _, e := range tc.log {
					commit := uint64(0)
					if agreed {
						commit = e.GetIndex()
					}
					must(t, w.Save(&raftpb.HardState{Term: e.Term, Vote: new(uint64(1)), Commit: &commit}, []*raftpb.Entry{e}))
				}
				must(t, w.Close())
				if got, err := m.claimInLog(); got != (logged{tc.want, agreed && tc.want != ""}) || err != nil {
					t.Errorf("agreed on %t: %+v, %v; want %q", agreed, got, err, tc.want)
				}
			}
		})
	}
	must(t, os.RemoveAll(filepath.Dir(m.log())))
	if got, err := m.claimInLog(); got != (logged{}) || err != nil {
		t.Errorf("without a log: %+v, %v", got, err)
	}
}
