package evidence_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func fromDataDir(t *testing.T, dir, walDir string) evidence.Source {
	t.Helper()
	s, err := evidence.FromDataDir(t.Context(), dir, walDir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// contents are all files below the paths.
func contents(t *testing.T, paths ...string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.Type().IsRegular() {
				files[path], err = os.ReadFile(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// requireUnchanged wants the files to be what they were (invariant I1).
func requireUnchanged(t *testing.T, before map[string][]byte, paths ...string) {
	t.Helper()
	after := contents(t, paths...)
	for path, content := range before {
		if !bytes.Equal(content, after[path]) {
			t.Errorf("%s changed", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, there were %d", len(after), len(before))
	}
}

func put(t *testing.T, client *clientv3.Client, n int) (revision int64) {
	t.Helper()
	for i := range n {
		resp, err := client.Put(t.Context(), fmt.Sprintf("key-%d", i%50), "value")
		if err != nil {
			t.Fatal(err)
		}
		revision = resp.Header.Revision
	}
	return revision
}

// A member that is killed leaves a database that lags and a log that does not:
// what it has acknowledged lies between what is proven and the bound.
func TestFromDataDirOfKilledServers(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: v})
			m := c.Members[0]
			m.WALDir = filepath.Join(t.TempDir(), "wal")
			c.Start(t)
			client := c.Client(t)
			compacted := put(t, client, 100)
			if _, err := client.Compact(t.Context(), compacted, clientv3.WithCompactPhysical()); err != nil {
				t.Fatal(err)
			}
			served := put(t, client, 200)
			list, err := client.MemberList(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := evidence.FromDataDir(t.Context(), m.DataDir, m.WALDir); !errors.Is(err, datadir.ErrInUse) {
				t.Errorf("while it runs: error %v, want ErrInUse", err)
			}
			c.Kill(t)

			before := contents(t, m.DataDir, m.WALDir)
			got := fromDataDir(t, m.DataDir, m.WALDir)
			requireUnchanged(t, before, m.DataDir, m.WALDir)
			if got.Proven > served || got.Highest() < served || got.Highest() > served+20 {
				t.Errorf("%d to %d, it had served %d", got.Proven, got.Highest(), served)
			}
			if got.Proven != max(got.LastKey, got.Compacted()) || got.Compacted() > compacted || got.Compacted() < got.Finished {
				t.Errorf("compacted at %d: %+v", compacted, got)
			}
			if got.MemberID != list.Members[0].ID || got.ClusterID != list.Header.ClusterId || got.Open != "" || got.Torn != "" {
				t.Errorf("%+v, the member list is %v", got, list)
			}
			e := got.Evidence()
			if e.Revision != got.Highest() || e.MemberID != got.MemberID || e.Source != "data directory "+m.DataDir {
				t.Errorf("evidence %+v", e)
			}
			if _, err := evidence.FromDataDir(t.Context(), m.DataDir, ""); !errors.Is(err, datadir.ErrNotDataDir) {
				t.Errorf("without its log: error %v, want ErrNotDataDir", err)
			}
		})
	}
}

// Stopped in order, a member has all in its database: bound and proof agree, and
// the database names the voters.
func TestFromDataDirOfStoppedServers(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: v})
			c.Start(t)
			served := put(t, c.Client(t), 50)
			c.Stop(t)
			got := fromDataDir(t, c.Members[0].DataDir, "")
			if got.Proven != served || got.Highest() != served || got.Ahead != 0 || got.MemberName != "m1" {
				t.Errorf("%+v, it had served %d", got, served)
			}
			if diff := cmp.Diff(map[uint64]string{got.MemberID: "m1"}, got.Voters()); diff != "" {
				t.Errorf("voters:\n%s", diff)
			}
		})
	}
}

// A database that was never committed to proves nothing; the log bounds it all.
func TestEverythingInTheLog(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Args: []string{"--backend-batch-interval=24h"}})
	c.Start(t)
	served := put(t, c.Client(t), 100)
	c.Kill(t)
	got := fromDataDir(t, c.Members[0].DataDir, "")
	if got.Proven != 1 || got.Highest() < served || got.Ahead < 100 {
		t.Errorf("%+v, it had served %d", got, served)
	}
}

// A log whose last write was not finished may have held more: it is evidence of
// what it holds, and not the word of its member.
func TestTornLog(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	put(t, c.Client(t), 100)
	c.Kill(t)
	dir := c.Members[0].DataDir
	whole := fromDataDir(t, dir, "")
	tear(t, datadir.WALDir(dir))
	got := fromDataDir(t, dir, "")
	if got.Open != evidence.OpenTorn || got.Torn == "" || got.MemberID != whole.MemberID {
		t.Errorf("%+v", got)
	}
	e := got.Evidence()
	if e.MemberID != 0 || e.Source != "data directory "+dir+", log torn" || e.Revision > whole.Highest() || e.Revision < got.Proven {
		t.Errorf("evidence %+v, before it was torn %+v", e, whole)
	}
}

// tear cuts the last record of a log of one segment, in the middle.
func tear(t *testing.T, walDir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(walDir, "*.wal"))
	if err != nil || len(segments) != 1 {
		t.Fatalf("segments %v, error %v", segments, err)
	}
	content, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	end := len(bytes.TrimRight(content, "\x00"))
	if err := os.Truncate(segments[0], int64(end-3)); err != nil {
		t.Fatal(err)
	}
}

// A member that stopped after it received a database and before that was in its
// place has the revision of the one it received.
func TestReceivedDatabase(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{
		Version: etcdtest.V37, Size: 3,
		Args: []string{"--snapshot-count=50", "--snapshot-catchup-entries=10"},
	})
	c.Start(t)
	late := c.Members[2]
	late.Stop(t)
	old, err := os.ReadFile(datadir.DBPath(late.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	served := put(t, c.Members[0].Client(t), 300)
	late.Start(t)
	late.Ready(t)
	c.Stop(t)

	info, err := datadir.ReadInfo(t.Context(), datadir.WALDir(late.DataDir))
	if err != nil {
		t.Fatal(err)
	}
	db := datadir.DBPath(late.DataDir)
	received := filepath.Join(filepath.Dir(db), fmt.Sprintf("%016s.snap.db", strconv.FormatUint(info.SnapshotIndex, 16)))
	if err := errors.Join(os.Rename(db, received), os.WriteFile(db, old, 0o600)); err != nil {
		t.Fatal(err)
	}
	if got := fromDataDir(t, late.DataDir, ""); got.Proven != served || got.Highest() != served {
		t.Errorf("%+v, it had served %d", got, served)
	}
	if err := os.Remove(received); err != nil {
		t.Fatal(err)
	}
	if _, err := evidence.FromDataDir(t.Context(), late.DataDir, ""); !errors.Is(err, datadir.ErrIncomplete) {
		t.Errorf("without it: error %v, want ErrIncomplete", err)
	}
}
