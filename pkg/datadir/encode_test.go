package datadir_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

const token = "some-token"

func newCluster(t *testing.T, initialCluster string, learners ...string) *membership.Cluster {
	t.Helper()
	c, err := membership.New(initialCluster, token, learners)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	oneMember    = "m1=http://127.0.0.1:1"
	threeMembers = "m1=http://127.0.0.1:1,m2=http://127.0.0.1:2,m2=http://127.0.0.1:3,m3=https://h:4"
	fiveMembers  = threeMembers + ",m4=unix://x:1,m5=http://[::1]:5"
)

// write puts the log and raft snapshot of a member where etcd looks for them.
func write(t *testing.T, dataDir string, c *membership.Cluster, name string) {
	t.Helper()
	m, ok := c.Member(name)
	if !ok {
		t.Fatalf("no member %q", name)
	}
	log, err := datadir.EncodeWAL(c, m.ID)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := datadir.EncodeSnap(c)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(datadir.WALDir(dataDir), datadir.WALName(0, 0)), log)
	writeFile(t, filepath.Join(datadir.SnapDir(dataDir),
		datadir.SnapName(datadir.InitialTerm, datadir.InitialIndex(c))), snapshot)
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// state is what etcd's own packages read from a data directory.
type state struct {
	metadata  []byte
	hardState *raftpb.HardState
	entries   []*raftpb.Entry
	snapshots []*walpb.Snapshot
	snap      *raftpb.SnapshotMetadata
	members   map[string]string // the v2 store below /0
}

func readWithEtcd(t *testing.T, dataDir string) state {
	t.Helper()
	var s state
	log, err := wal.OpenForRead(zap.NewNop(), datadir.WALDir(dataDir), &walpb.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if s.metadata, s.hardState, s.entries, err = log.ReadAll(); err != nil {
		t.Fatal(err)
	}
	if s.snapshots, err = wal.ValidSnapshotEntries(zap.NewNop(), datadir.WALDir(dataDir)); err != nil {
		t.Fatal(err)
	}
	snapshot, err := snap.New(zap.NewNop(), datadir.SnapDir(dataDir)).LoadNewestAvailable(s.snapshots)
	if err != nil {
		t.Fatal(err)
	}
	s.snap = snapshot.Metadata
	s.members = readV2(t, snapshot.Data)
	return s
}

// readV2 recovers a v2 store as a booting etcd does and flattens it.
func readV2(t *testing.T, data []byte) map[string]string {
	t.Helper()
	store := v2store.New("/0", "/1")
	if err := store.Recovery(data); err != nil {
		t.Fatal(err)
	}
	event, err := store.Get("/", true, true)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	var walk func(nodes v2store.NodeExterns)
	walk = func(nodes v2store.NodeExterns) {
		for _, n := range nodes {
			found[n.Key] = "directory"
			if n.Value != nil {
				found[n.Key] = *n.Value
			}
			walk(n.Nodes)
		}
	}
	walk(event.Node.Nodes)
	return found
}

func requireEqual(t *testing.T, got, want state) {
	t.Helper()
	if !bytes.Equal(got.metadata, want.metadata) {
		t.Errorf("metadata %x, want %x", got.metadata, want.metadata)
	}
	if !proto.Equal(got.hardState, want.hardState) {
		t.Errorf("hard state %v, want %v", got.hardState, want.hardState)
	}
	if !slices.EqualFunc(got.entries, want.entries, func(a, b *raftpb.Entry) bool { return proto.Equal(a, b) }) {
		t.Errorf("entries %v, want %v", got.entries, want.entries)
	}
	if !slices.EqualFunc(got.snapshots, want.snapshots, func(a, b *walpb.Snapshot) bool { return proto.Equal(a, b) }) {
		t.Errorf("snapshot records %v, want %v", got.snapshots, want.snapshots)
	}
	if !proto.Equal(got.snap, want.snap) {
		t.Errorf("raft snapshot %v, want %v", got.snap, want.snap)
	}
	if !maps.Equal(got.members, want.members) {
		t.Errorf("v2 store %v, want %v", got.members, want.members)
	}
}

// etcdutlRestore restores the db file as one member with etcdutl 3.7.
func etcdutlRestore(t *testing.T, db, initialCluster, name, urls, dataDir string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdutl"),
		"snapshot", "restore", db, "--skip-hash-check", "--data-dir", dataDir, "--name", name,
		"--initial-cluster", initialCluster, "--initial-cluster-token", token,
		"--initial-advertise-peer-urls", urls).CombinedOutput()
	if err != nil {
		t.Fatalf("etcdutl: %v\n%s", err, out)
	}
}

// emptyDB makes a db with the buckets that etcdutl takes for granted.
func emptyDB(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bolt.Tx) error {
		for _, name := range []string{"key", "meta", "members", "members_removed", "cluster"} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEncodeEqualsEtcdutl(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	for _, tc := range []struct{ name, initialCluster, member, urls string }{
		{"one member", oneMember, "m1", "http://127.0.0.1:1"},
		{"first of three", threeMembers, "m1", "http://127.0.0.1:1"},
		{"second of three, two URLs", threeMembers, "m2", "http://127.0.0.1:2,http://127.0.0.1:3"},
		{"last of five", fiveMembers, "m5", "http://[::1]:5"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			theirs, ours := filepath.Join(t.TempDir(), "theirs"), filepath.Join(t.TempDir(), "ours")
			etcdutlRestore(t, db, tc.initialCluster, tc.member, tc.urls, theirs)
			write(t, ours, newCluster(t, tc.initialCluster), tc.member)
			requireEqual(t, readWithEtcd(t, ours), readWithEtcd(t, theirs))
		})
	}
}

func TestEncodeLearnersHaveNoVote(t *testing.T) {
	t.Parallel()
	learner := newCluster(t, threeMembers).Members[0] // the lowest ID, for which a voter would vote
	c := newCluster(t, threeMembers, learner.Name)
	dir := t.TempDir()
	write(t, dir, c, learner.Name)
	got := readWithEtcd(t, dir)

	want := &raftpb.ConfState{Voters: c.Voters(), Learners: []uint64{learner.ID}}
	if !proto.Equal(got.snap.ConfState, want) {
		t.Errorf("raft snapshot has %v, want %v", got.snap.ConfState, want)
	}
	if last := got.snapshots[len(got.snapshots)-1]; !proto.Equal(last.ConfState, want) {
		t.Errorf("snapshot record has %v, want %v", last.ConfState, want)
	}
	if got.hardState.GetVote() != min(want.Voters[0], want.Voters[1]) {
		t.Errorf("vote is for %x, want the lowest voter of %x", got.hardState.GetVote(), want.Voters)
	}
	for i, m := range c.Members {
		var change raftpb.ConfChange
		if err := proto.Unmarshal(got.entries[i].Data, &change); err != nil {
			t.Fatal(err)
		}
		wantType := raftpb.ConfChangeAddNode
		if m.Learner {
			wantType = raftpb.ConfChangeAddLearnerNode
		}
		if change.GetNodeId() != m.ID || change.GetType() != wantType {
			t.Errorf("entry %d is %v of %x, want %v of %x", i+1, change.GetType(), change.GetNodeId(), wantType, m.ID)
		}
	}
}

func TestEncodeIsDeterministicAndSmall(t *testing.T) {
	t.Parallel()
	type encoder func(c *membership.Cluster) ([]byte, error)
	for name, encode := range map[string]encoder{
		"log":           func(c *membership.Cluster) ([]byte, error) { return datadir.EncodeWAL(c, c.Members[2].ID) },
		"raft snapshot": datadir.EncodeSnap,
	} {
		first, err := encode(newCluster(t, fiveMembers, "m4"))
		if err != nil {
			t.Fatal(err)
		}
		second, err := encode(newCluster(t, fiveMembers, "m4"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("the %s differs between two calls", name)
		}
		if len(first) > 4096 {
			t.Errorf("the %s has %d bytes, more than a page", name, len(first))
		}
	}
}

func TestEncodeWALOfStranger(t *testing.T) {
	t.Parallel()
	if _, err := datadir.EncodeWAL(newCluster(t, oneMember), 42); !errors.Is(err, membership.ErrInvalid) {
		t.Errorf("got error %v, want ErrInvalid", err)
	}
}
