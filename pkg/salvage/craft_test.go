package salvage

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

const clusterID = 0xc1

func TestMain(m *testing.M) {
	wal.SegmentSizeBytes = 16 << 10 // crafted logs are small; set before anything runs in parallel
	os.Exit(m.Run())
}

// crafted is the data directory of a member that no etcd has ever run.
type crafted struct {
	member  uint64
	cluster uint64 // 0: clusterID

	// The db: who it lists, what it has applied and which keys are in it.
	voters, learners []uint64
	applied, term    uint64
	keys             []string
	version          string // of the cluster

	log []any // *raftpb.Entry, *raftpb.HardState and *walpb.Snapshot, as they were written
}

// three is a member of the cluster 1, 2, 3 whose db ends with the entry that made it so.
func three(member uint64, log ...any) crafted {
	return crafted{member: member, voters: []uint64{1, 2, 3}, applied: 3, term: 1, log: append(founded(1, 2, 3), log...)}
}

// founded is how the log of a new cluster begins.
func founded(voters ...uint64) (log []any) {
	log = append(log, &walpb.Snapshot{Index: new(uint64(0)), Term: new(uint64(0))})
	for i, id := range voters {
		log = append(log, change(1, uint64(i+1), raftpb.ConfChangeAddNode, id))
	}
	return append(log, state(1, uint64(len(voters))))
}

func state(term, commit uint64) *raftpb.HardState {
	return &raftpb.HardState{Term: new(term), Vote: new(uint64(1)), Commit: new(commit)}
}

// put is an entry that writes its own term and index.
func put(term, index uint64) *raftpb.Entry {
	return request(term, index, &pb.InternalRaftRequest{
		Put: &pb.PutRequest{Key: fmt.Appendf(nil, "k%d", index), Value: fmt.Appendf(nil, "term %d", term)},
	})
}

// puts are entries of one term, and the state that commits what is committed.
func puts(term, from, to, commit uint64) (log []any) {
	for i := from; i <= to; i++ {
		log = append(log, put(term, i))
	}
	return append(log, state(term, commit))
}

func request(term, index uint64, req *pb.InternalRaftRequest) *raftpb.Entry {
	data, err := proto.Marshal(req)
	if err != nil {
		panic(err)
	}
	return entry(term, index, data)
}

func entry(term, index uint64, data []byte) *raftpb.Entry {
	return &raftpb.Entry{Type: raftpb.EntryNormal.Enum(), Term: new(term), Index: new(index), Data: data}
}

func change(term, index uint64, kind raftpb.ConfChangeType, id uint64) *raftpb.Entry {
	return conf(term, index, kind, id, false)
}

// promotion makes a voter of a learner.
func promotion(term, index, id uint64) *raftpb.Entry {
	return conf(term, index, raftpb.ConfChangeAddNode, id, true)
}

func conf(term, index uint64, kind raftpb.ConfChangeType, id uint64, promote bool) *raftpb.Entry {
	m := member1(id, kind == raftpb.ConfChangeAddLearnerNode)
	context, err := json.Marshal(membership.ConfigChangeContext{Member: *m, IsPromote: promote})
	if err != nil {
		panic(err)
	}
	data, err := proto.Marshal(&raftpb.ConfChange{Id: new(index), Type: kind.Enum(), NodeId: new(id), Context: context})
	if err != nil {
		panic(err)
	}
	return &raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Term: new(term), Index: new(index), Data: data}
}

func member1(id uint64, learner bool) *membership.Member {
	return &membership.Member{
		ID:             types.ID(id),
		RaftAttributes: membership.RaftAttributes{PeerURLs: []string{fmt.Sprintf("http://127.0.0.1:%d", id)}, IsLearner: learner},
		Attributes:     membership.Attributes{Name: fmt.Sprintf("m%d", id)},
	}
}

// make writes the directory and returns its path.
func (c crafted) make(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), fmt.Sprintf("m%d.etcd", c.member))
	if err := os.MkdirAll(datadir.SnapDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	// A server that another test starts meanwhile would, between fork and exec, hold
	// copies of the locks that etcd's packages take here, and the directory seem in use.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	c.makeDB(t, datadir.DBPath(dir))
	c.makeLog(t, datadir.WALDir(dir))
	return dir
}

func (c crafted) makeDB(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := openStore(zap.NewNop(), path, 0)
	if err != nil {
		t.Fatal(err)
	}
	tx := s.be.BatchTx()
	tx.LockOutsideApply()
	schema.UnsafeCreateMetaBucket(tx)
	tx.Unlock()
	for _, id := range c.voters {
		s.cluster.AddMember(member1(id, false), membership.ApplyBoth)
	}
	for _, id := range c.learners {
		s.cluster.AddMember(member1(id, true), membership.ApplyBoth)
	}
	for _, key := range c.keys {
		s.apply(&pb.InternalRaftRequest{Put: &pb.PutRequest{Key: []byte(key), Value: []byte("in the db")}})
	}
	s.setApplied(c.applied, c.term, true)
	if c.version != "" {
		tx := s.be.BatchTx()
		tx.LockOutsideApply()
		tx.UnsafePut(schema.Cluster, []byte("clusterVersion"), []byte(c.version))
		tx.Unlock()
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
}

// makeLog writes each run of entries and the state behind it at once, as etcd does.
func (c crafted) makeLog(t *testing.T, dir string) {
	t.Helper()
	cluster := c.cluster
	if cluster == 0 {
		cluster = clusterID
	}
	log, err := wal.Create(zap.NewNop(), dir, metadata(c.member, cluster))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var entries []*raftpb.Entry
	save := func(state *raftpb.HardState) {
		if err := log.Save(state, entries); err != nil {
			t.Fatal(err)
		}
		entries = nil
	}
	for _, rec := range c.log {
		switch rec := rec.(type) {
		case *raftpb.Entry:
			entries = append(entries, rec)
		case *raftpb.HardState:
			save(rec)
		case *walpb.Snapshot:
			save(nil)
			if err := log.SaveSnapshot(rec); err != nil && rec.GetIndex() > 0 {
				t.Fatal(err)
			}
		}
	}
	save(nil)
}

// metadata is an etcdserverpb.Metadata.
func metadata(member, cluster uint64) []byte {
	b := binary.AppendUvarint([]byte{0x08}, member)
	return binary.AppendUvarint(append(b, 0x10), cluster)
}

func sources(dirs ...string) (list []Source) {
	for _, dir := range dirs {
		list = append(list, Source{Dir: dir})
	}
	return list
}

// examined holds the election, which must work.
func examined(t *testing.T, dirs ...string) *Report {
	t.Helper()
	untouched(t, dirs...)
	r, err := Examine(t.Context(), Config{Sources: sources(dirs...)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// salvaged writes a snapshot, which must work, and returns its path.
func salvaged(t *testing.T, cfg Config) (*Report, string) {
	t.Helper()
	for _, s := range cfg.Sources {
		untouched(t, s.Dir)
	}
	cfg.Output = filepath.Join(t.TempDir(), "salvaged.db")
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	left(t, filepath.Dir(cfg.Output), "salvaged.db")
	return r, cfg.Output
}

// fails runs a salvage that must leave nothing behind (invariant I2) and change
// nothing (I1), and returns its report and error.
func fails(t *testing.T, cfg Config, want error) (*Report, error) {
	t.Helper()
	before := map[string]string{}
	for _, s := range cfg.Sources {
		before[s.Dir] = fingerprint(t, s.Dir)
	}
	if cfg.Output == "" {
		cfg.Output = filepath.Join(t.TempDir(), "salvaged.db")
	}
	r, err := Run(t.Context(), cfg)
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
	left(t, filepath.Dir(cfg.Output))
	for dir, print := range before {
		if diff := cmp.Diff(print, fingerprint(t, dir)); diff != "" {
			t.Errorf("%s has changed:\n%s", dir, diff)
		}
	}
	return r, err
}

// left checks what a directory holds.
func left(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s holds (-want +got)\n%s", dir, diff)
	}
}

// untouched checks at the end of the test that nothing below the directories has
// changed: content, mode and time (invariant I1).
func untouched(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		before := fingerprint(t, dir)
		t.Cleanup(func() {
			if diff := cmp.Diff(before, fingerprint(t, dir)); diff != "" {
				t.Errorf("%s has changed:\n%s", dir, diff)
			}
		})
	}
}

func fingerprint(t *testing.T, dir string) (lines string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		var content []byte
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		lines += fmt.Sprintln(path, info.Mode(), info.ModTime(), sha256.Sum256(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// keys are the keys of a snapshot that crafted entries have written.
func keys(t *testing.T, path string) map[string]string {
	t.Helper()
	copied := copyOf(t, path)
	s, err := openStore(zap.NewNop(), copied, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	found := map[string]string{}
	r, err := s.kv.Range(t.Context(), []byte{0}, []byte{}, rangeAll)
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range r.KVs {
		found[string(kv.Key)] = string(kv.Value)
	}
	return found
}

func copyOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), strconv.Itoa(len(b)))
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}
