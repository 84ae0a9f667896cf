package datadir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestServersBoot starts real servers on a db restored by etcdutl beside a log
// and a raft snapshot of our own: it is the server that decides whether a
// data directory is right.
func TestServersBoot(t *testing.T) {
	t.Parallel()
	for _, version := range etcdtest.Servers() {
		for _, tc := range []struct {
			size     int
			learners []string
		}{{1, nil}, {3, nil}, {3, []string{"m3"}}} {
			t.Run(fmt.Sprintf("%s/%d members, %d learners", version, tc.size, len(tc.learners)), func(t *testing.T) {
				t.Parallel()
				bootRestored(t, version, tc.size, tc.learners)
			})
		}
	}
}

func bootRestored(t *testing.T, version etcdtest.Version, size int, learners []string) {
	db := dbOf(t, version)
	c := etcdtest.New(t, etcdtest.Config{Version: version, Size: size, Token: token})
	want := newCluster(t, c.InitialCluster(), learners...)
	for _, m := range c.Members {
		planned, _ := want.Member(m.Name)
		m.Learner = planned.Learner
		etcdutlRestore(t, db, c.InitialCluster(), m.Name, m.PeerURL, m.DataDir)
		replaceLogAndSnap(t, m.DataDir, want, m.Name)
	}
	c.Start(t)
	requireMembers(t, c, want)
	requireKey(t, c, "before")
	if _, err := c.Client(t).Put(t.Context(), "after", "value"); err != nil {
		t.Errorf("write to the restored cluster: %v", err)
	}

	// The members went on writing to our log, and must find all of it again.
	c.Kill(t)
	c.Start(t)
	requireMembers(t, c, want)
	requireKey(t, c, "before")
	requireKey(t, c, "after")
}

// dbOf returns the db of a stopped server of this version with one key in it.
func dbOf(t *testing.T, version etcdtest.Version) string {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: version})
	c.Start(t)
	if _, err := c.Client(t).Put(t.Context(), "before", "value"); err != nil {
		t.Fatal(err)
	}
	c.Stop(t)
	return datadir.DBPath(c.Members[0].DataDir)
}

func replaceLogAndSnap(t *testing.T, dataDir string, c *membership.Cluster, name string) {
	t.Helper()
	snaps, err := filepath.Glob(filepath.Join(datadir.SnapDir(dataDir), "*.snap"))
	if err != nil || len(snaps) == 0 {
		t.Fatalf("etcdutl left no raft snapshot: %v, %v", snaps, err)
	}
	for _, path := range append(snaps, datadir.WALDir(dataDir)) {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dataDir, c, name)
	writeMembers(t, datadir.DBPath(dataDir), c)
}

// writeMembers corrects what etcdutl wrote to the db of learners.
func writeMembers(t *testing.T, path string, c *membership.Cluster) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bolt.Tx) error {
		for _, m := range c.Members {
			value, err := m.JSON()
			if err != nil {
				return err
			}
			if err := tx.Bucket([]byte("members")).Put(fmt.Appendf(nil, "%x", m.ID), value); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func requireMembers(t *testing.T, c *etcdtest.Cluster, want *membership.Cluster) {
	t.Helper()
	list, err := c.Client(t).MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if list.Header.ClusterId != want.ID {
		t.Errorf("cluster ID is %x, want %x", list.Header.ClusterId, want.ID)
	}
	if len(list.Members) != len(want.Members) {
		t.Errorf("%d members, want %d", len(list.Members), len(want.Members))
	}
	for _, got := range list.Members {
		m, ok := want.Member(got.Name)
		if !ok || got.ID != m.ID || got.IsLearner != m.Learner {
			t.Errorf("member %v, want %+v", got, m)
		}
	}
}

func requireKey(t *testing.T, c *etcdtest.Cluster, key string) {
	t.Helper()
	got, err := c.Client(t).Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "value" {
		t.Errorf("key %q is %v", key, got.Kvs)
	}
}
