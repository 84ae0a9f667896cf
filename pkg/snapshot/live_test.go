package snapshot_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// story is a server and what happens to it.
type story struct {
	t       *testing.T
	cluster *etcdtest.Cluster
	client  *clientv3.Client

	compactions []int64
}

// TestRealServers saves snapshots of every etcd at points of a story and holds
// what this package reads of them against etcdutl 3.7 and the server's own
// answers.
func TestRealServers(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			s := begin(t, etcdtest.Config{Version: v})
			s.check("no keys at all")
			s.write()
			s.check("history")
			s.compact(8)
			s.check("compacted")
			dead := s.delete("a")
			s.put("b", "again")
			s.compact(dead)
			s.check("compacted at a tombstone")
			s.delete("")
			s.check("all keys deleted")
			s.compact(s.cluster.Members[0].Revision(t))
			s.check("all keys deleted and compacted")
			s.write()
			s.delete("a")
			s.delete("c")
			s.compact(s.cluster.Members[0].Revision(t))
			path := s.check("the last records deleted and compacted")
			checkUnfinished(t, path)
			checkRestored(t, path)
		})
	}
}

func begin(t *testing.T, cfg etcdtest.Config) *story {
	t.Helper()
	c := etcdtest.New(t, cfg)
	c.Start(t)
	return &story{t: t, cluster: c, client: c.Client(t)}
}

func (s *story) put(key, value string, opts ...clientv3.OpOption) {
	s.t.Helper()
	if _, err := s.client.Put(s.t.Context(), key, value, opts...); err != nil {
		s.t.Fatal(err)
	}
}

// delete deletes key, or everything, and returns the revision of it.
func (s *story) delete(key string) int64 {
	s.t.Helper()
	var opts []clientv3.OpOption
	if key == "" {
		opts = append(opts, clientv3.WithFromKey())
	}
	resp, err := s.client.Delete(s.t.Context(), key, opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Header.Revision
}

func (s *story) compact(rev int64) {
	s.t.Helper()
	if _, err := s.client.Compact(s.t.Context(), rev, clientv3.WithCompactPhysical()); err != nil {
		s.t.Fatal(err)
	}
	s.compactions = append(s.compactions, rev)
}

// write makes history: updates, deletes, transactions of several changes, leases.
func (s *story) write() {
	s.t.Helper()
	for i := range 4 {
		for _, key := range []string{"a", "b", "c"} {
			s.put(key, fmt.Sprint("value ", i))
		}
		s.delete("c")
		s.put("c", "reborn")
		if _, err := s.client.Txn(s.t.Context()).Then(
			clientv3.OpPut("t1", fmt.Sprint(i)), clientv3.OpPut("t2", fmt.Sprint(i)), clientv3.OpDelete("c"), clientv3.OpPut("/registry/t3", "x"),
		).Commit(); err != nil {
			s.t.Fatal(err)
		}
	}
	lease, err := s.client.Grant(s.t.Context(), 3600)
	if err != nil {
		s.t.Fatal(err)
	}
	s.put("leased", "x", clientv3.WithLease(lease.ID))
}

// check saves a snapshot and compares everything.
func (s *story) check(name string) (path string) {
	s.t.Helper()
	r, err := s.client.Snapshot(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Close()
	path = save(s.t, r)
	s.t.Run(name, func(t *testing.T) {
		sameStatus(t, path)
		sound(t, path, snapshot.TrailerMatched)
		f := open(t, path)
		view, err := f.Keyspace()
		if err != nil {
			t.Fatal(err)
		}
		if now := s.cluster.Members[0].Revision(t); view.Revision() != now {
			t.Errorf("revision %d, the server is at %d", view.Revision(), now)
		}
		compared := 0
		for rev := int64(0); rev <= view.Revision(); rev++ {
			compared += s.sameHash(t, f, rev)
		}
		if compared == 0 {
			t.Error("the server answered nothing that can be compared")
		}
		for _, rev := range []int64{0, view.Revision()} {
			sameHashKV(t, path, rev)
		}
	})
	return path
}

// sameHash compares with the server's own answer and returns whether that can
// be done: at revisions that it has compacted at, a server answers from memory,
// with the compacted revision before.
func (s *story) sameHash(t *testing.T, f *snapshot.File, rev int64) int {
	t.Helper()
	theirs, theirErr := s.client.HashKV(t.Context(), s.cluster.Members[0].ClientURL, rev)
	ours, err := f.HashKV(t.Context(), rev, nil)
	switch {
	case slices.Contains(s.compactions, rev) && theirErr == nil && (err != nil || theirs.CompactRevision != ours.CompactRevision):
		return 0
	case errors.Is(theirErr, rpctypes.ErrCompacted):
		if !errors.Is(err, keyspace.ErrCompacted) && rev != ours.CompactRevision { // etcd 3.4 refuses that one too
			t.Errorf("hashkv at %d: %+v, %v, the server says %v", rev, ours, err, theirErr)
		}
		return 0
	case theirErr != nil || err != nil:
		t.Errorf("hashkv at %d: %v, the server says %v", rev, err, theirErr)
	case theirs.Hash != ours.Hash || theirs.CompactRevision != ours.CompactRevision:
		t.Errorf("hashkv at %d: %+v, the server says %v", rev, ours, theirs)
	}
	return 1
}

// sameStatus compares the five fields of etcdutl. It leaves the file alone (I1).
func sameStatus(t *testing.T, path string) {
	t.Helper()
	unchanged(t, path)
	type five struct {
		Hash                uint32
		Revision            int64
		TotalKey, TotalSize int64
		Version             string
	}
	var theirs five
	if err := json.Unmarshal(etcdutl(t, path, "snapshot", "status", "-w", "json"), &theirs); err != nil {
		t.Fatal(err)
	}
	st, err := open(t, path).ReadStatus(t.Context(), snapshot.StatusOptions{Digest: true})
	if err != nil {
		t.Fatal(err)
	}
	ours := five{st.Hash, st.Revision, int64(st.TotalKey), st.TotalSize, st.Version}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("status (-etcdutl +ours)\n%s", diff)
	}
}

// sameHashKV compares with etcdutl. It leaves the file alone (I1).
func sameHashKV(t *testing.T, path string, rev int64) {
	t.Helper()
	unchanged(t, path)
	var theirs keyspace.Hash
	if err := json.Unmarshal(etcdutl(t, path, "hashkv", "-w", "json", "--rev", fmt.Sprint(rev)), &theirs); err != nil {
		t.Fatal(err)
	}
	ours, err := open(t, path).HashKV(t.Context(), rev, nil)
	if err != nil || ours != theirs {
		t.Errorf("hashkv at %d: %+v, %v, etcdutl says %+v", rev, ours, err, theirs)
	}
}

// sound demands that verify finds nothing, and that it leaves the file alone (I1).
func sound(t *testing.T, path string, trailer snapshot.Trailer) {
	t.Helper()
	unchanged(t, path)
	f := open(t, path)
	report, err := f.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range report.Findings {
		if trailer != snapshot.TrailerMissing || finding.Where != "trailer" {
			t.Errorf("finding in a sound file: %+v", finding)
		}
	}
	if !report.OK() || report.Trailer != trailer {
		t.Errorf("OK %v, trailer %s", report.OK(), report.Trailer)
	}
	if err := f.CheckStructure(t.Context(), nil); err != nil {
		t.Error(err)
	}
}

// checkUnfinished puts a compaction at every revision that may still come.
func checkUnfinished(t *testing.T, path string) {
	t.Helper()
	f := open(t, path)
	view, err := f.Keyspace()
	if err != nil {
		t.Fatal(err)
	}
	for rev := view.Revision() - 1; rev <= view.Revision()+2; rev++ {
		b := edit(t, read(t, path), func(tx *bbolt.Tx) error {
			meta := tx.Bucket([]byte(schema.MetaBucket))
			if rev == view.Revision() { // the first compaction ever
				if err := meta.Delete([]byte(schema.FinishedCompactKey)); err != nil {
					return err
				}
			}
			return meta.Put([]byte(schema.ScheduledCompactKey), schema.Revision{Main: rev}.Key())
		})
		scheduled := write(t, b)
		sameStatus(t, scheduled)
		sameHashKV(t, scheduled, 0)
	}
}

// checkRestored restores with a revision bump and looks at the result.
func checkRestored(t *testing.T, path string) {
	t.Helper()
	cluster, err := membership.New("m1=http://127.0.0.1:2380", "token", nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "m1.etcd")
	if _, err := restore.Run(t.Context(), restore.Config{
		Path: path, Cluster: cluster, Targets: []restore.Target{{Member: "m1", DataDir: dir}},
		Bump: restore.Bump{Mode: restore.BumpBy, By: 1_000_000}, MarkCompacted: true,
	}); err != nil {
		t.Fatal(err)
	}
	db := datadir.DBPath(dir)
	sameStatus(t, db)
	sameHashKV(t, db, 0)
	sound(t, db, snapshot.TrailerMissing)
}

// TestCompactionUnderWay takes a snapshot while the server compacts, slowly.
func TestCompactionUnderWay(t *testing.T) {
	t.Parallel()
	for v, prefix := range map[etcdtest.Version]string{etcdtest.V35: "--experimental-", etcdtest.V36: "--", etcdtest.V37: "--"} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			s := begin(t, etcdtest.Config{Version: v, Args: []string{
				prefix + "compaction-batch-limit=1", prefix + "compaction-sleep-interval=10m",
			}})
			s.write()
			rev := s.cluster.Members[0].Revision(t) - 3
			if _, err := s.client.Compact(t.Context(), rev); err != nil {
				t.Fatal(err)
			}
			path := s.check("under way")
			st, err := open(t, path).ReadStatus(t.Context(), snapshot.StatusOptions{})
			if err != nil || st.CompactedRevision != rev {
				t.Errorf("%+v, %v, want it compacted at %d", st, err, rev)
			}
			view, err := open(t, path).Keyspace()
			if err != nil {
				t.Fatal(err)
			}
			if finished := finishedCompaction(t, path); finished >= view.Compacted() {
				t.Errorf("the compaction was over: %d", finished)
			}
			s.cluster.Kill(t)
		})
	}
}

func finishedCompaction(t *testing.T, path string) (rev int64) {
	t.Helper()
	err := open(t, path).Entries(func(bucket string, k, v []byte) error {
		if bucket != schema.MetaBucket || string(k) != schema.FinishedCompactKey {
			return nil
		}
		r, err := schema.ParseRevision(v)
		rev = r.Main
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// kubernetes starts an etcd 3.7 with a control plane's data and free pages.
func kubernetes(t *testing.T) *story {
	t.Helper()
	s := begin(t, etcdtest.Config{Version: etcdtest.V37})
	if _, err := etcdtest.LoadKubernetes(t.Context(), s.client, etcdtest.KubernetesOptions{Nodes: 3, Pods: 20, Rounds: 3, Compact: true}); err != nil {
		t.Fatal(err)
	}
	return s
}
