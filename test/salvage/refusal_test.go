package salvage

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// lost is a scene after a disaster of no special kind.
func lost(t *testing.T) *scene {
	t.Helper()
	s := newScene(t, etcdtest.V37, seed(t), plan{args: lagging()})
	s.work(t, 2)
	s.await(t, 50)
	s.disaster(t)
	return s
}

func TestRunningMember(t *testing.T) {
	t.Parallel()
	s := newScene(t, etcdtest.V37, seed(t), plan{})
	members := s.cluster.Members
	requireRefused(t, members)
	etcdtest.Kill(t, members[0], members[1])
	got := requireRefused(t, members[1:])
	if !strings.Contains(got.err, members[2].DataDir) {
		t.Errorf("it does not say which member runs: %s", got.err)
	}
	salvage(t, members[:2])
	members[2].Pause(t) // a process that hangs has its files open all the same
	requireRefused(t, members[1:])
}

func TestMinority(t *testing.T) {
	t.Parallel()
	s := lost(t)
	one := s.cluster.Members[:1]
	requireRefused(t, one)
	got := salvage(t, one, "--tail=include")
	if got.Majority {
		t.Errorf("one of three is a majority: %+v", got)
	}
	cut := salvage(t, one, "--tail=committed")
	s.alone(t, one[0], func(m *etcdtest.Member) {
		if have := m.Revision(t); have != cut.Revision || m.HashKV(t, have).Hash != hashKV(t, cut) {
			t.Errorf("etcd is at revision %d, salvage at %d, or the hashes differ", have, cut.Revision)
		}
	})
}

// TestTwins gives one member twice, once as a copy: two directories, one vote.
func TestTwins(t *testing.T) {
	t.Parallel()
	s := lost(t)
	m := s.cluster.Members[0]
	dataDir, walDir := m.Copy(t)
	twin := &etcdtest.Member{Name: m.Name, DataDir: dataDir, WALDir: walDir}
	out := filepath.Join(t.TempDir(), "twins.db")
	requireExit(t, misused, out, salvageArgs([]*etcdtest.Member{m, twin}, out)...)
}

func TestOutputExists(t *testing.T) {
	t.Parallel()
	s := lost(t)
	out := filepath.Join(t.TempDir(), "mine.db")
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := command(t, salvageArgs(s.cluster.Members, out, "--progress", "none")...); got.code != refused {
		t.Errorf("exit code %d, want %d: %s", got.code, refused, got.err)
	}
	if data, err := os.ReadFile(out); err != nil || string(data) != "mine" {
		t.Errorf("the file that was there is now %q, %v", data, err)
	}
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	s := lost(t)
	members := s.cluster.Members
	before := fingerprint(t, members)
	out := filepath.Join(t.TempDir(), "none.db")
	var dry salvaged
	succeed(t, &dry, salvageArgs(members, out, "--dry-run")...)
	if left, err := filepath.Glob(out + "*"); err != nil || len(left) != 0 {
		t.Errorf("a dry run left %s, %v", left, err)
	}
	requireUntouched(t, before, members)
	real := salvage(t, members)
	if !dry.DryRun || real.DryRun || dry.LastIndex != real.LastIndex || dry.CommittedIndex != real.CommittedIndex {
		t.Errorf("dry run: %+v, then: %+v", dry, real)
	}
}

// TestOrder gives the same directories in every order.
func TestOrder(t *testing.T) {
	t.Parallel()
	s := lost(t)
	members := slices.Clone(s.cluster.Members)
	first := salvage(t, members)
	slices.Reverse(members)
	second := salvage(t, members)
	if a, b := hashKV(t, first), hashKV(t, second); a != b || first.LastIndex != second.LastIndex {
		t.Errorf("hash %d and %d, last index %d and %d", a, b, first.LastIndex, second.LastIndex)
	}
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	a := lost(t)
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3, Token: "another"})
	c.Start(t)
	c.Kill(t)
	requireRefused(t, []*etcdtest.Member{a.cluster.Members[0], a.cluster.Members[1], c.Members[0]})
}

// TestDamage flips one byte of what was acknowledged, in the log of the only
// directory that is left.
func TestDamage(t *testing.T) {
	t.Parallel()
	s := lost(t)
	m := s.cluster.Members[0]
	dataDir, _ := m.Copy(t)
	log := filepath.Join(dataDir, "member", "wal", "0000000000000000-0000000000000000.wal")
	data, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	data[strings.Index(string(data), "w0/")]++ // the first write of the first writer
	if err := os.WriteFile(log, data, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := []*etcdtest.Member{{Name: m.Name, DataDir: dataDir}}
	out := filepath.Join(t.TempDir(), "damaged.db")
	requireExit(t, damaged, out, salvageArgs(broken, out, "--tail=include")...)
}
