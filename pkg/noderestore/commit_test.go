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

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// serving are the machines of a new cluster that serves, one a member.
func serving(t *testing.T, size int) (*etcdtest.Cluster, []*machine) {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: size, Token: "the new one"})
	c.Start(t)
	d := Decision{ID: id, Token: "the new one", InitialCluster: c.InitialCluster()}
	cluster, err := d.Cluster()
	must(t, err)
	d.ClusterID = hexID(cluster.ID)
	var machines []*machine
	for _, e := range c.Members {
		m := bare(&Plan{Decision: d, Node: Part{Member: e.Name, Mode: ModeManifest, NewData: e.DataDir}})
		m.etcd = etcdclient.Config{Endpoints: []string{e.ClientURL}, RequestTimeout: 20 * time.Second}
		machines = append(machines, m)
	}
	return c, machines
}

// says is what the key says, by etcd or, if that is down, by its log.
func (m *machine) says(t *testing.T) string {
	t.Helper()
	done, err := m.committed(t.Context())
	must(t, err)
	value, err := m.claimInLog()
	must(t, err)
	if done != (value == committed) {
		t.Errorf("committed: %t, and its log says %q", done, value)
	}
	return value
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
			c, machines := serving(t, 1)
			m := machines[0]
			tc.write(t, m)
			if got := m.says(t); got != tc.want {
				t.Errorf("it says %q, want %q", got, tc.want)
			}
			c.Kill(t)
			m.etcd.RequestTimeout = time.Second
			if got := m.says(t); got != tc.want {
				t.Errorf("its log says %q, want %q", got, tc.want)
			}
			must(t, m.abort(t.Context())) // there is nobody to take it away from
		})
	}
}

// A node that goes back takes the commit point away from the others, and does not go
// back behind one of them.
func TestAbort(t *testing.T) {
	t.Parallel()
	t.Run("nobody has committed", func(t *testing.T) {
		t.Parallel()
		_, machines := serving(t, 3)
		must(t, machines[0].abort(t.Context()))
		must(t, machines[2].abort(t.Context()))
		if err := machines[1].commit(t.Context()); !errors.Is(err, ErrAborted) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("another has committed", func(t *testing.T) {
		t.Parallel()
		c, machines := serving(t, 3)
		must(t, machines[1].commit(t.Context()))
		if err := machines[0].abort(t.Context()); !errors.Is(err, workflow.ErrCommitted) {
			t.Errorf("got %v", err)
		}
		etcdtest.Kill(t, c.Members[1], c.Members[2]) // no quorum: the log of the first must do
		machines[0].etcd.RequestTimeout = time.Second
		if err := machines[0].abort(t.Context()); !errors.Is(err, workflow.ErrCommitted) {
			t.Errorf("without a quorum: %v", err)
		}
	})
	t.Run("no quorum", func(t *testing.T) {
		t.Parallel()
		c, machines := serving(t, 3)
		etcdtest.Kill(t, c.Members[1], c.Members[2])
		machines[0].etcd.RequestTimeout = time.Second
		must(t, machines[0].abort(t.Context()))
	})
}

// An etcd of the old cluster, of a node that has gone back, is not written to.
func TestClaimRefusesOthers(t *testing.T) {
	t.Parallel()
	c, machines := serving(t, 1)
	m := machines[0]
	m.plan.Decision.ClusterID = "1234"
	if value, err := m.claim(t.Context(), m.etcd.Endpoints[0], aborted); !errors.Is(err, ErrEtcd) || value != "" {
		t.Errorf("%q, %v", value, err)
	}
	if keys := c.Keys(t, 0); len(keys) > 0 {
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
			must(t, os.RemoveAll(filepath.Dir(m.log())))
			must(t, os.MkdirAll(filepath.Dir(m.log()), 0o700))
			// The member 1 of the cluster 1.
			w, err := wal.Create(zap.NewNop(), m.log(), []byte{8, 1, 16, 1})
			must(t, err)
			for _, e := range tc.log {
				must(t, w.Save(&raftpb.HardState{Term: e.Term, Vote: new(uint64(1)), Commit: new(uint64(0))}, []*raftpb.Entry{e}))
			}
			must(t, w.Close())
			if got, err := m.claimInLog(); got != tc.want || err != nil {
				t.Errorf("%q, %v; want %q", got, err, tc.want)
			}
		})
	}
	must(t, os.RemoveAll(filepath.Dir(m.log())))
	if got, err := m.claimInLog(); got != "" || err != nil {
		t.Errorf("without a log: %q, %v", got, err)
	}
}
