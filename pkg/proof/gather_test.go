package proof

import (
	"errors"
	"slices"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// on is what a node knows on which a member runs, and no API server.
func on(t *testing.T, m *etcdtest.Member) Request {
	t.Helper()
	folder := t.TempDir()
	return Request{Facts: &node.Facts{
		Hostname: m.Name, Manifests: node.Manifests{Path: folder, Folder: &staticpod.Folder{Path: folder}},
		Etcd: node.Etcd{Name: m.Name, ListenClientURLs: []string{m.ClientURL}, StorageErr: errors.New("not of interest")},
		Runs: node.Runs{Path: t.TempDir()},
	}}
}

// states are what the checks of etcd come to.
func states(facts []Facts) map[string]State {
	all := map[string]State{}
	for _, r := range Evaluate(facts, Scope{}).Results {
		if slices.Contains([]string{"Members", "Leader", "HashKV", "Alarms"}, r.Check) {
			all[r.Check] = r.State
		}
	}
	return all
}

// One node asks all members by itself; several are asked twice. What both see of a
// cluster, and of one that has lost a member, is the same.
func TestGather(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run("etcd"+string(v), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
			c.Start(t)
			for range 10 {
				if _, err := c.Client(t).Put(t.Context(), "key", "value"); err != nil {
					t.Fatal(err)
				}
			}
			ask := func(hash bool) (facts []Facts) {
				lowest := int64(0)
				if hash {
					lowest = LowestRevision(ask1(t, c, 0))
				}
				return ask1(t, c, lowest)
			}
			alone := func() []Facts {
				r := on(t, c.Members[0])
				r.Alone = true
				f, err := Gather(t.Context(), r)
				if err != nil {
					t.Fatal(err)
				}
				return []Facts{f}
			}
			for name, facts := range map[string][]Facts{"alone": alone(), "all": ask(true)} {
				for check, state := range states(facts) {
					if state != OK {
						t.Errorf("%s: %s is %s: %+v", name, check, state, Evaluate(facts, Scope{}).Results)
					}
				}
			}
			c.Members[2].Kill(t)
			if got := states(ask(true)); got["Leader"] != Failed || got["HashKV"] != Unknown {
				t.Errorf("a member is dead: %v", got)
			}
			if got := states(alone()); got["Leader"] != Unknown || got["HashKV"] != Unknown {
				t.Errorf("a member is dead, seen from one: %v", got)
			}
		})
	}
}

// ask1 asks all nodes once.
func ask1(t *testing.T, c *etcdtest.Cluster, hashRevision int64) (facts []Facts) {
	t.Helper()
	for _, m := range c.Members {
		r := on(t, m)
		r.HashRevision = hashRevision
		f, err := Gather(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		facts = append(facts, f)
	}
	return facts
}

// A run that this node does not know is an error where nobody else is asked.
func TestGatherUnknownRun(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	r := on(t, c.Members[0])
	r.Run = "20261126T120000Z-4f2a"
	if _, err := Gather(t.Context(), r); err != nil {
		t.Errorf("others may know it: %v", err)
	}
	r.Alone = true
	if _, err := Gather(t.Context(), r); !errors.Is(err, journal.ErrNoRun) {
		t.Errorf("got %v", err)
	}
}
