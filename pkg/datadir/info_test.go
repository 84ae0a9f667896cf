package datadir_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func TestMain(m *testing.M) {
	// So that the logs which tests write with etcd's own package have many
	// segments. It must be set before any test runs in parallel.
	wal.SegmentSizeBytes = 16 << 10
	os.Exit(m.Run())
}

// requireAsEtcdReads compares the reader and the summary with what etcd's
// package reads from the same log, from every snapshot at which it can start.
func requireAsEtcdReads(t *testing.T, walDir string) *datadir.Info {
	t.Helper()
	info, err := datadir.ReadInfo(t.Context(), walDir)
	if err != nil {
		t.Fatal(err)
	}
	snapshots, err := wal.ValidSnapshotEntries(zap.NewNop(), walDir)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(info.Snapshots, snapshots, func(a, b *walpb.Snapshot) bool { return proto.Equal(a, b) }) {
		t.Errorf("valid snapshots %v, etcd has %v", info.Snapshots, snapshots)
	}
	standing := standingEntries(t, walDir)
	compared := false
	for _, start := range snapshots {
		if start.GetIndex()+1 < info.FirstIndex {
			continue // etcd cannot read across what a snapshot replaced
		}
		compared = true
		requireFrom(t, walDir, start, info, standing)
	}
	if !compared {
		t.Errorf("none of the snapshots %v reaches the first entry %d", snapshots, info.FirstIndex)
	}
	return info
}

func requireFrom(t *testing.T, walDir string, start *walpb.Snapshot, info *datadir.Info, standing []*raftpb.Entry) {
	t.Helper()
	log, err := wal.OpenForRead(zap.NewNop(), walDir, start)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, hardState, entries, err := log.ReadAll()
	if err != nil {
		t.Fatalf("etcd reads from %d: %v", start.GetIndex(), err)
	}
	ours := &raftpb.HardState{Term: &info.Term, Vote: &info.Vote, Commit: &info.Commit}
	if ours.String() != hardState.String() {
		t.Errorf("hard state %v, etcd has %v", ours, hardState)
	}
	var normal int64
	var changes []*raftpb.Entry
	for _, e := range entries {
		if e.GetType() != raftpb.EntryNormal {
			changes = append(changes, e)
		} else if len(e.Data) > 0 {
			normal++
		}
	}
	from := slices.IndexFunc(standing, func(e *raftpb.Entry) bool { return e.GetIndex() > start.GetIndex() })
	if from < 0 {
		from = len(standing)
	}
	if !equalEntries(standing[from:], entries) {
		t.Errorf("%d entries stand above %d, etcd has %d", len(standing[from:]), start.GetIndex(), len(entries))
	}
	if len(entries) > 0 {
		if last := entries[len(entries)-1]; info.LastIndex != last.GetIndex() || info.LastTerm != last.GetTerm() {
			t.Errorf("last entry is %d in term %d, etcd has %v", info.LastIndex, info.LastTerm, last)
		}
	}
	if got, err := info.NormalEntriesAbove(start.GetIndex()); err != nil || got != normal {
		t.Errorf("%d normal entries above %d (error %v), etcd has %d", got, start.GetIndex(), err, normal)
	}
	above := slices.DeleteFunc(slices.Clone(info.ConfChanges), func(e *raftpb.Entry) bool { return e.GetIndex() <= start.GetIndex() })
	if !equalEntries(above, changes) {
		t.Errorf("membership changes above %d are %v, etcd has %v", start.GetIndex(), above, changes)
	}
}

func equalEntries(a, b []*raftpb.Entry) bool {
	return slices.EqualFunc(a, b, func(a, b *raftpb.Entry) bool { return proto.Equal(a, b) })
}

// standingEntries reads the log with a Reader and drops what is overwritten.
func standingEntries(t *testing.T, walDir string) []*raftpb.Entry {
	t.Helper()
	r, err := datadir.NewReader(walDir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var entries []*raftpb.Entry
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		if rec.Entry != nil {
			from := slices.IndexFunc(entries, func(e *raftpb.Entry) bool { return e.GetIndex() >= rec.Entry.GetIndex() })
			if from >= 0 {
				entries = entries[:from]
			}
			entries = append(entries, rec.Entry)
		}
	}
}

// A member killed under load leaves a log that every reader must agree on.
func TestInfoOfKilledServers(t *testing.T) {
	t.Parallel()
	for _, version := range etcdtest.Servers() {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			// Snapshots often enough to be among the records.
			c := etcdtest.New(t, etcdtest.Config{Version: version, Size: 3, Args: []string{"--snapshot-count=100"}})
			c.Start(t)
			killUnderLoad(t, c, 1000)
			var best *datadir.Info // a follower may be behind
			for _, m := range c.Members {
				info := requireAsEtcdReads(t, datadir.WALDir(m.DataDir))
				if best == nil || info.LastIndex > best.LastIndex {
					best = info
				}
			}
			if len(best.ConfChanges) != 3 || best.SnapshotIndex < 100 || best.LastIndex < 1000 {
				t.Errorf("%d membership changes, snapshot %d, last entry %d; want 3, 100, 1000 or more",
					len(best.ConfChanges), best.SnapshotIndex, best.LastIndex)
			}
		})
	}
}

// killUnderLoad writes from several clients until so many writes are
// acknowledged, and kills all members while more are under way.
func killUnderLoad(t *testing.T, c *etcdtest.Cluster, writes int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	acknowledged := make(chan struct{})
	var writers sync.WaitGroup
	for i := range 8 {
		client := c.Client(t)
		writers.Go(func() {
			for n := 0; ; n++ {
				_, err := client.Put(ctx, fmt.Sprintf("key-%d-%d", i, n%100), strings.Repeat("x", n%2000))
				if err == nil {
					select {
					case acknowledged <- struct{}{}:
						continue
					case <-ctx.Done():
					}
				}
				if ctx.Err() != nil {
					return
				}
			}
		})
	}
	for range writes {
		<-acknowledged
	}
	c.Kill(t)
	stop()
	writers.Wait()
}

// 70 MB of writes fill a segment of a real server and begin another.
func TestInfoOfSeveralRealSegments(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	client := c.Client(t)
	for i := range 70 {
		if _, err := client.Put(t.Context(), fmt.Sprintf("key-%d", i%3), strings.Repeat("x", 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	c.Kill(t)
	walDir := datadir.WALDir(c.Members[0].DataDir)
	requireSeveralSegments(t, walDir)
	requireAsEtcdReads(t, walDir)
}

func requireSeveralSegments(t *testing.T, walDir string) {
	t.Helper()
	if segments, err := filepath.Glob(filepath.Join(walDir, "*.wal")); err != nil || len(segments) < 2 {
		t.Fatalf("segments %v, error %v; want at least two", segments, err)
	}
}

// A follower that was away for too long receives a db from the leader. Its log
// then goes on behind a gap, and is complete only for that db.
func TestInfoAfterSnapshotFromLeader(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{
		Version: etcdtest.V37, Size: 3,
		Args: []string{"--snapshot-count=50", "--snapshot-catchup-entries=10"},
	})
	c.Start(t)
	late, others := follower(t, c)
	late.Kill(t)
	put(t, others, 300)
	late.Start(t)
	late.Ready(t)
	put(t, c.Client(t), 5)
	c.Kill(t)

	info := requireAsEtcdReads(t, datadir.WALDir(late.DataDir))
	if info.FirstIndex < 200 {
		t.Errorf("the log begins at entry %d, want it behind the leader's snapshot", info.FirstIndex)
	}
	if _, err := info.NormalEntriesAbove(info.FirstIndex - 1); err != nil {
		t.Errorf("the received db: %v", err)
	}
	if _, err := info.NormalEntriesAbove(10); !errors.Is(err, datadir.ErrIncomplete) {
		t.Errorf("a db from before: got error %v, want ErrIncomplete", err)
	}
}

// follower returns a member that does not lead, whose end no write will
// notice, and a client of another.
func follower(t *testing.T, c *etcdtest.Cluster) (*etcdtest.Member, *clientv3.Client) {
	t.Helper()
	for i, m := range c.Members {
		status, err := m.Client(t).Status(t.Context(), m.ClientURL)
		if err != nil {
			t.Fatal(err)
		}
		if status.Leader != status.Header.MemberId {
			return m, c.Members[(i+1)%len(c.Members)].Client(t)
		}
	}
	t.Fatal("every member leads")
	return nil, nil
}

func put(t *testing.T, client *clientv3.Client, n int) {
	t.Helper()
	for i := range n {
		if _, err := client.Put(t.Context(), fmt.Sprintf("key-%d", i), "value"); err != nil {
			t.Fatal(err)
		}
	}
}

// Logs written by etcd's own package, of many segments, in which leaders come
// and go and overwrite what the one before did not get committed.
func TestInfoOfOverwrittenEntries(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			walDir := filepath.Join(t.TempDir(), "wal")
			writeTurbulentLog(t, walDir, rand.New(rand.NewPCG(seed, 0)))
			requireSeveralSegments(t, walDir)
			requireAsEtcdReads(t, walDir)
		})
	}
}

func writeTurbulentLog(t *testing.T, walDir string, random *rand.Rand) {
	t.Helper()
	// etcdserverpb.Metadata: node ID 1, cluster ID 2.
	log, err := wal.Create(zap.NewNop(), walDir, []byte{0x08, 1, 0x10, 2})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var last, commit uint64
	var agreed uint64 // up to here nothing is overwritten, whether the log knows it or not
	terms := map[uint64]uint64{}
	for term := range uint64(30) {
		next := agreed + 1 + random.Uint64N(last-agreed+1)
		var entries []*raftpb.Entry
		for range random.IntN(40) {
			e := &raftpb.Entry{Type: raftpb.EntryNormal.Enum(), Term: new(term + 1), Index: new(next)}
			if random.IntN(10) > 0 {
				e.Data = make([]byte, random.IntN(500))
			}
			if random.IntN(20) == 0 {
				e.Type = raftpb.EntryConfChange.Enum()
			}
			entries = append(entries, e)
			terms[next] = term + 1
			last, next = next, next+1
		}
		commit += random.Uint64N(last - commit + 1)
		agreed = max(agreed, commit)
		state := &raftpb.HardState{Term: new(term + 1), Vote: new(uint64(1)), Commit: new(commit)}
		if err := log.Save(state, entries); err != nil {
			t.Fatal(err)
		}
		if random.IntN(5) == 0 {
			// Now and then one whose commit a crash prevented.
			at := min(commit+random.Uint64N(3), last)
			agreed = max(agreed, at)
			snapshot := &walpb.Snapshot{Index: new(at), Term: new(terms[at]), ConfState: &raftpb.ConfState{Voters: []uint64{1}}}
			if err := log.SaveSnapshot(snapshot); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestInfoOfEncodedLog(t *testing.T) {
	t.Parallel()
	c := newCluster(t, fiveMembers, "m4")
	dir := t.TempDir()
	write(t, dir, c, "m2")
	info := requireAsEtcdReads(t, datadir.WALDir(dir))
	m2, _ := c.Member("m2")
	if info.MemberID != m2.ID || info.ClusterID != c.ID {
		t.Errorf("log of member %x in cluster %x, want %x in %x", info.MemberID, info.ClusterID, m2.ID, c.ID)
	}
	if info.LastIndex != datadir.InitialIndex(c) || info.Torn {
		t.Errorf("last entry %d, torn: %v, want %d and an intact end", info.LastIndex, info.Torn, datadir.InitialIndex(c))
	}
}

func TestReadInfoInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, newCluster(t, oneMember), "m1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := datadir.ReadInfo(ctx, datadir.WALDir(dir)); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
}

// A follower that had entries of an old leader beyond the database which it then
// got from the new one: those are void, whatever came after, and whether a crash
// came before the state that makes the snapshot valid.
func TestInfoOfReceivedSnapshot(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end                func(*testing.T, *wal.WAL)
		first, last, lTerm uint64
	}{
		"nothing after": {func(*testing.T, *wal.WAL) {}, 21, 20, 5},
		"entries after": {func(t *testing.T, w *wal.WAL) { saveEntries(t, w, 21, 23, 5, 21) }, 21, 23, 5},
		"not valid, then replicated": {func(t *testing.T, w *wal.WAL) {
			saveEntries(t, w, 11, 25, 5, 22)
		}, 1, 25, 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			walDir := filepath.Join(t.TempDir(), "wal")
			w, err := wal.Create(zap.NewNop(), walDir, []byte{0x08, 1, 0x10, 2})
			if err != nil {
				t.Fatal(err)
			}
			saveEntries(t, w, 1, 30, 3, 10)
			if err := w.SaveSnapshot(&walpb.Snapshot{Index: new(uint64(20)), Term: new(uint64(5)), ConfState: &raftpb.ConfState{Voters: []uint64{1}}}); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(name, "not valid") {
				saveEntries(t, w, 0, 0, 5, 20)
			}
			tc.end(t, w)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			info, err := datadir.ReadInfo(t.Context(), walDir)
			if err != nil {
				t.Fatal(err)
			}
			if info.FirstIndex != tc.first || info.LastIndex != tc.last || info.LastTerm != tc.lTerm {
				t.Errorf("entries %d to %d, the last of term %d; want %d to %d of term %d",
					info.FirstIndex, info.LastIndex, info.LastTerm, tc.first, tc.last, tc.lTerm)
			}
			if term, ok := info.TermOf(20); !ok || term != 5 {
				t.Errorf("entry 20 has term %d (known: %t), want 5", term, ok)
			}
		})
	}
}

// saveEntries appends entries, none if first is 0, and a state that follows them.
func saveEntries(t *testing.T, w *wal.WAL, first, last, term, commit uint64) {
	t.Helper()
	var entries []*raftpb.Entry
	for i := first; first > 0 && i <= last; i++ {
		entries = append(entries, &raftpb.Entry{Type: raftpb.EntryNormal.Enum(), Term: new(term), Index: new(i), Data: []byte{1}})
	}
	if err := w.Save(&raftpb.HardState{Term: new(term), Vote: new(uint64(1)), Commit: new(commit)}, entries); err != nil {
		t.Fatal(err)
	}
}
