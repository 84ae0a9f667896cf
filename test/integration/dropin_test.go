package integration

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v2store"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// difference is an entry that we write otherwise than etcdutl, and why.
type difference struct {
	bucket, key string // key "" is all of the bucket
	reason      string
}

// differences are all that there are for the same flags and token.
func differences() []difference {
	return []difference{
		{"alarm", "", "alarms of members that are no more; NOSPACE would make the new cluster refuse every write (--keep-alarms keeps them)"},
		{"cluster", "downgrade", "a downgrade that was under way is none of the new cluster's"},
		{"meta", "confState", "the voters are the new members; etcdutl leaves those of the old cluster, which no server reads"},
	}
}

// TestSameAsEtcdutl restores a snapshot of every version with etcdutl 3.7 and
// with our command, flag for flag, and compares what they wrote.
func TestSameAsEtcdutl(t *testing.T) {
	t.Parallel()
	const three = "m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m2=http://10.0.0.22:2380,m3=http://10.0.0.3:2380"
	found := make(chan string, 10_000)
	t.Run("all", func(t *testing.T) {
		for _, v := range etcdtest.Servers() {
			for name, args := range map[string][]string{
				"one member": {"--initial-cluster-token", "x", "--bump-revision=0", "--mark-compacted=false"},
				"bump":       {"--initial-cluster-token", "x", "--bump-revision", "1000000", "--mark-compacted"},
				"second of three": {
					"--initial-cluster-token", "x", "--name", "m2", "--initial-cluster", three,
					"--initial-advertise-peer-urls", "http://10.0.0.2:2380,http://10.0.0.22:2380", "--bump-revision", "7", "--mark-compacted",
				},
				"places": {"--initial-cluster-token", "x", "--data-dir", "data", "--wal-dir", "log", "--bump-revision", "7", "--mark-compacted"},
				"map":    {"--initial-cluster-token", "x", "--initial-memory-map-size", "1000000", "--bump-revision", "7", "--mark-compacted"},
			} {
				t.Run(fmt.Sprintf("etcd %s, %s", v, name), func(t *testing.T) {
					t.Parallel()
					file := withLeftovers(t, sourceOf(t, v))
					args := append([]string{"snapshot", "restore", file, "--skip-hash-check"}, args...)
					theirs, ours := t.TempDir(), t.TempDir()
					if out, err := etcdutl(t, theirs, args...); err != nil {
						t.Fatalf("etcdutl: %v\n%s", err, out)
					}
					if got := commandIn(t, ours, args[1:]...); got.code != 0 {
						t.Fatalf("%+v", got)
					}
					for _, d := range compareTrees(t, theirs, ours) {
						found <- d
					}
				})
			}
		}
	})
	close(found)
	seen := make(map[string]bool)
	for d := range found {
		seen[d] = true
	}
	for _, d := range differences() {
		if !seen[d.bucket+"/"+d.key] {
			t.Errorf("%s %s no longer differs: take it out of the table", d.bucket, d.key)
		}
	}
}

// withLeftovers copies the source's database and adds what a restore may trip
// over: an alarm, a downgrade under way, a member that was removed.
func withLeftovers(t *testing.T, s *source) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "db")
	copyFile(t, filepath.Join(s.dataDir, "member", "snap", "db"), file)
	alarm, err := proto.Marshal(&pb.AlarmMember{MemberID: 0xabc, Alarm: pb.AlarmType_NOSPACE})
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bolt.Tx) error {
		for _, e := range []struct {
			bucket, key string
			value       string
		}{
			{"alarm", string(alarm), ""},
			{"cluster", "downgrade", `{"target-version":"3.4.0","enabled":true}`},
			{"members_removed", "abc", "removed"},
			{"meta", "confState", `{"voters":[2748],"auto_leave":false}`},
		} {
			b, err := tx.CreateBucketIfNotExists([]byte(e.bucket))
			if err != nil {
				return err
			}
			if err := b.Put([]byte(e.key), []byte(e.value)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return file
}

// etcdutl runs etcdutl 3.7 in dir.
func etcdutl(t *testing.T, dir string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdutl"), args...)
	cmd.Dir = dir
	return cmd.CombinedOutput()
}

// compareTrees compares two directories in which a member was restored, and
// returns the differences of the table that it met.
func compareTrees(t *testing.T, theirs, ours string) (met []string) {
	t.Helper()
	files := filesIn(t, theirs)
	if diff := gocmp.Diff(files, filesIn(t, ours)); diff != "" {
		t.Fatalf("files (-etcdutl +ours):\n%s", diff)
	}
	if len(files) != 3 {
		t.Fatalf("a member is a db, a log and a raft snapshot, not %q", files)
	}
	for _, file := range files {
		theirs, ours := filepath.Join(theirs, file), filepath.Join(ours, file)
		switch {
		case filepath.Base(file) == "db":
			met = compareBuckets(t, dump(t, theirs), dump(t, ours))
		case filepath.Ext(file) == ".wal":
			if diff := gocmp.Diff(readLog(t, filepath.Dir(theirs)), readLog(t, filepath.Dir(ours)), protocmp.Transform()); diff != "" {
				t.Errorf("log (-etcdutl +ours):\n%s", diff)
			}
		default:
			if diff := gocmp.Diff(readSnap(t, theirs), readSnap(t, ours), protocmp.Transform()); diff != "" {
				t.Errorf("raft snapshot (-etcdutl +ours):\n%s", diff)
			}
		}
	}
	return met
}

func filesIn(t *testing.T, dir string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

type buckets = map[string]map[string]string

func compareBuckets(t *testing.T, theirs, ours buckets) (met []string) {
	t.Helper()
	for _, d := range differences() {
		if gocmp.Equal(pick(theirs, d), pick(ours, d)) {
			continue
		}
		met = append(met, d.bucket+"/"+d.key)
		for _, b := range []buckets{theirs, ours} {
			maps.DeleteFunc(b[d.bucket], func(k, _ string) bool { return d.key == "" || d.key == k })
		}
	}
	if diff := gocmp.Diff(theirs, ours); diff != "" {
		t.Errorf("buckets (-etcdutl +ours):\n%s", diff)
	}
	return met
}

func pick(b buckets, d difference) map[string]string {
	picked := maps.Clone(b[d.bucket])
	maps.DeleteFunc(picked, func(k, _ string) bool { return d.key != "" && d.key != k })
	return picked
}

// raftLog is what etcd reads from a log.
type raftLog struct {
	Metadata  []byte
	State     *raftpb.HardState
	Entries   []*raftpb.Entry
	Snapshots []*walpb.Snapshot
}

func readLog(t *testing.T, dir string) (l raftLog) {
	t.Helper()
	w, err := wal.OpenForRead(zap.NewNop(), dir, &walpb.Snapshot{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if l.Metadata, l.State, l.Entries, err = w.ReadAll(); err != nil {
		t.Fatal(err)
	}
	if l.Snapshots, err = wal.ValidSnapshotEntries(zap.NewNop(), dir); err != nil {
		t.Fatal(err)
	}
	if len(l.Entries) == 0 || len(l.Snapshots) == 0 {
		t.Fatalf("log in %s is empty", dir)
	}
	return l
}

// raftSnap is a raft snapshot and the entries of the v2 store in it.
type raftSnap struct {
	Metadata *raftpb.SnapshotMetadata
	Store    map[string]string
}

func readSnap(t *testing.T, path string) raftSnap {
	t.Helper()
	s, err := snap.Read(zap.NewNop(), path)
	if err != nil {
		t.Fatal(err)
	}
	store := v2store.New("/0", "/1")
	if err := store.Recovery(s.Data); err != nil {
		t.Fatal(err)
	}
	event, err := store.Get("/", true, true)
	if err != nil {
		t.Fatal(err)
	}
	read := raftSnap{s.Metadata, make(map[string]string)}
	var walk func(v2store.NodeExterns)
	walk = func(nodes v2store.NodeExterns) {
		for _, n := range nodes {
			if n.Value != nil {
				read.Store[n.Key] = *n.Value
			}
			walk(n.Nodes)
		}
	}
	walk(event.Node.Nodes)
	if len(read.Store) == 0 {
		t.Fatalf("%s holds no member", path)
	}
	return read
}

// TestEtcdutlRefusesTheSame gives both tools the same mistakes.
func TestEtcdutlRefusesTheSame(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		code int
		want string // in our error
	}{
		"name that is not in the cluster": {[]string{"--name", "m9", "--initial-cluster", "m1=http://10.0.0.1:2380"}, 2, "m9"},
		"default name not in the cluster": {[]string{"--initial-cluster", "m1=http://10.0.0.1:2380"}, 2, "default"},
		"other advertised URL": {[]string{
			"--name", "m1", "--initial-cluster", "m1=http://10.0.0.1:2380",
			"--initial-advertise-peer-urls", "http://10.0.0.2:2380",
		}, 2, "10.0.0.2"},
		"one URL twice": {[]string{
			"--name", "m1", "--initial-advertise-peer-urls", "http://10.0.0.1:2380",
			"--initial-cluster", "m1=http://10.0.0.1:2380,m2=http://10.0.0.1:2380",
		}, 2, "10.0.0.1"},
		"no URL":              {[]string{"--initial-cluster", "default=nonsense"}, 2, "nonsense"},
		"bump alone":          {[]string{"--bump-revision", "5"}, 2, "--mark-compacted"},
		"mark alone":          {[]string{"--mark-compacted"}, 2, "--bump-revision"},
		"target with content": {[]string{"--data-dir", "full"}, 6, "full"},
		"bad number":          {[]string{"--bump-revision", "many", "--mark-compacted"}, 2, "--bump-revision"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sourceOf(t, etcdtest.V37)
			args := append([]string{"snapshot", "restore", s.file}, tc.args...)
			dir := t.TempDir()
			mkdir(t, filepath.Join(dir, "full", "member"))
			before := filesIn(t, dir)
			if out, err := etcdutl(t, dir, args...); err == nil {
				t.Errorf("etcdutl took it:\n%s", out)
			}
			dir = t.TempDir()
			mkdir(t, filepath.Join(dir, "full", "member"))
			got := commandIn(t, dir, args[1:]...)
			if got.code != tc.code || !strings.Contains(got.err, tc.want) || got.out != "" {
				t.Errorf("%+v, want exit code %d and %q", got, tc.code, tc.want)
			}
			if after := filesIn(t, dir); !slices.Equal(before, after) {
				t.Errorf("it left %q", after)
			}
		})
	}
}

// TestDefaults restores with nothing but a file and a token, or less.
func TestDefaults(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, etcdtest.V37)
	theirs, ours := t.TempDir(), t.TempDir()
	for _, args := range [][]string{
		{"--initial-cluster-token", "etcd-cluster"},
		{"--initial-cluster-token", "etcd-cluster", "--name", "m1", "--initial-cluster", "m1=http://localhost:2380"},
	} {
		args = append([]string{"snapshot", "restore", s.file}, args...)
		if out, err := etcdutl(t, theirs, args...); err != nil {
			t.Fatalf("etcdutl: %v\n%s", err, out)
		}
		if got := commandIn(t, ours, args[1:]...); got.code != 0 {
			t.Fatalf("%+v", got)
		}
	}
	for _, name := range []string{"default.etcd", "m1.etcd"} {
		log := filepath.Join(name, "member", "wal")
		if diff := gocmp.Diff(readLog(t, filepath.Join(theirs, log)), readLog(t, filepath.Join(ours, log)), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-etcdutl +ours):\n%s", log, diff)
		}
	}
	if diff := gocmp.Diff(filesIn(t, theirs), filesIn(t, ours)); diff != "" {
		t.Errorf("files (-etcdutl +ours):\n%s", diff)
	}

	// Without a token the IDs are nobody's (invariant I4).
	other := t.TempDir()
	if got := commandIn(t, other, "restore", s.file); got.code != 0 {
		t.Fatalf("%+v", got)
	}
	log := filepath.Join("default.etcd", "member", "wal")
	if bytes.Equal(readLog(t, filepath.Join(ours, log)).Metadata, readLog(t, filepath.Join(other, log)).Metadata) {
		t.Error("without a token the IDs are those of etcd's default token")
	}
}
