package salvage

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Directories whose logs contradict each other are refused; a log that cannot be
// compared has no vote.
func TestHistory(t *testing.T) {
	t.Parallel()
	stranger := three(2, puts(2, 4, 9, 5)...)
	stranger.cluster = 0xbad
	later := crafted{
		member: 2, voters: []uint64{1, 2, 3}, applied: 50, term: 2,
		log: log(founded(1, 2, 3), one(state(2, 50), &walpb.Snapshot{Index: new(uint64(50)), Term: new(uint64(2)), ConfState: &raftpb.ConfState{Voters: []uint64{1, 2, 3}}}), puts(2, 51, 52, 50)),
	}
	for name, tc := range map[string]struct {
		members []crafted
		want    error
		says    string
	}{
		"other cluster":             {[]crafted{three(1, puts(2, 4, 9, 5)...), stranger}, ErrConflict, "of cluster bad"},
		"same member":               {[]crafted{three(1, puts(2, 4, 9, 5)...), three(1, puts(2, 4, 9, 5)...)}, ErrConfig, "both of member 1"},
		"same term, other entry":    {[]crafted{three(1, puts(2, 4, 9, 3)...), three(2, log(puts(2, 4, 8, 3), one(entry(2, 9, []byte("x"))))...)}, ErrConflict, "at index 9 (terms 2 and 2)"},
		"other terms, committed":    {[]crafted{three(1, puts(2, 4, 9, 5)...), three(2, puts(3, 4, 9, 5)...)}, ErrConflict, "at index 4 (terms 3 and 2)"},
		"other terms, not yet":      {[]crafted{three(1, puts(2, 4, 9, 3)...), three(2, puts(3, 4, 9, 5)...)}, nil, ""},
		"the loser knows of a lost": {[]crafted{three(1, puts(2, 4, 9, 9)...), three(2, puts(3, 4, 5, 3)...)}, ErrConflict, "at index 4 (terms 3 and 2)"},
		"commit beyond the winner":  {[]crafted{three(1, puts(1, 4, 9, 9)...), three(2, log(puts(1, 4, 5, 3), puts(2, 6, 6, 3))...)}, ErrConflict, "(terms 2 and 1)"},
		"no overlap":                {[]crafted{three(1, puts(2, 4, 9, 5)...), later}, nil, "do not overlap"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dirs []string
			for _, c := range tc.members {
				dirs = append(dirs, c.make(t))
			}
			if tc.want != nil {
				if _, err := fails(t, Config{Sources: sources(dirs...)}, tc.want); !strings.Contains(fmt.Sprint(err), tc.says) {
					t.Errorf("%v does not say %q", err, tc.says)
				}
				return
			}
			r := examined(t, dirs...)
			if got := fmt.Sprint(r.Directories); !strings.Contains(got, tc.says) || r.Majority != (tc.says == "") {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Two restores with one token have the same IDs. What was written after them is
// of two histories, and no majority of the two is one.
func TestForkedCluster(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: 3})
	db := crafted{voters: []uint64{1}, applied: 1, term: 1, keys: []string{"before"}}
	path := filepath.Join(t.TempDir(), "db")
	db.makeDB(t, path)
	fork := func(name string, running ...int) (dirs []string) {
		for i, m := range c.Members {
			m.DataDir = filepath.Join(t.TempDir(), name, m.Name)
			dirs = append(dirs, m.DataDir)
			cmd := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdutl"), "snapshot", "restore", path,
				"--skip-hash-check", "--data-dir", m.DataDir, "--name", m.Name, "--initial-cluster", c.InitialCluster(),
				"--initial-cluster-token", "same", "--initial-advertise-peer-urls", c.Members[i].PeerURL)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		for _, i := range running {
			c.Members[i].Start(t)
		}
		for _, i := range running {
			c.Members[i].Ready(t)
		}
		if _, err := c.Members[running[0]].Client(t).Put(t.Context(), "who", name); err != nil {
			t.Fatal(err)
		}
		c.Kill(t)
		return dirs
	}
	first, second := fork("first", 0, 1), fork("second", 1, 2)
	for _, dirs := range [][]string{{first[0], second[2]}, {second[1], first[0]}, {first[0], first[1], second[2]}} {
		_, _ = fails(t, Config{Sources: sources(dirs...)}, ErrConflict)
	}
	if r := examined(t, first[0], first[1]); !r.Majority {
		t.Errorf("of one fork: %+v", r)
	}
	if r := examined(t, second[0], second[1], second[2]); !r.Majority {
		t.Errorf("with a member that never ran: %+v", r)
	}
}
