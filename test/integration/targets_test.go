package integration

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestTargets restores to all kinds of places that are acceptable, and boots
// from each.
func TestTargets(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(t *testing.T, m *etcdtest.Member) (args []string){
		"absent": func(*testing.T, *etcdtest.Member) []string { return nil },
		"existing and empty": func(t *testing.T, m *etcdtest.Member) []string {
			mkdir(t, m.DataDir)
			return nil
		},
		"a mount point": func(t *testing.T, m *etcdtest.Member) []string {
			mkdir(t, filepath.Join(m.DataDir, "lost+found"))
			return nil
		},
		"a path with spaces and a link": func(t *testing.T, m *etcdtest.Member) []string {
			real := filepath.Join(t.TempDir(), "two words")
			mkdir(t, real)
			m.DataDir = filepath.Join(t.TempDir(), "a link")
			if err := os.Symlink(real, m.DataDir); err != nil {
				t.Fatal(err)
			}
			return nil
		},
		"wal-dir absent": func(t *testing.T, m *etcdtest.Member) []string {
			m.WALDir = filepath.Join(memoryDir(t), "wal")
			return []string{"--wal-dir", m.WALDir}
		},
		"wal-dir existing and empty": func(t *testing.T, m *etcdtest.Member) []string {
			m.WALDir = memoryDir(t)
			return []string{"--wal-dir", m.WALDir}
		},
		"wal-dir and data-dir existing": func(t *testing.T, m *etcdtest.Member) []string {
			mkdir(t, m.DataDir)
			m.WALDir = memoryDir(t)
			return []string{"--wal-dir", m.WALDir}
		},
	} {
		for _, v := range []etcdtest.Version{etcdtest.V34, etcdtest.V37} {
			t.Run(name+"/etcd "+string(v), func(t *testing.T) {
				t.Parallel()
				s := sourceOf(t, v)
				c := etcdtest.New(t, etcdtest.Config{Version: v})
				m := c.Members[0]
				p := restoreOne(t, c, s.file, prepare(t, m)...)
				if m.WALDir != "" {
					if p.Members[0].WALDir != m.WALDir {
						t.Errorf("the result says the log is in %q, it is in %q", p.Members[0].WALDir, m.WALDir)
					}
					if _, err := os.Stat(filepath.Join(m.DataDir, "member", "wal")); !os.IsNotExist(err) {
						t.Errorf("there is a log in the data directory as well: %v", err)
					}
				}
				c.Start(t)
				requireContent(t, c, s, 0)
				requireWrite(t, c.Client(t), "after", p.Revision.Restored+1)
				c.Kill(t)
				c.Start(t)
				requireRevision(t, c, p.Revision.Restored+1)
			})
		}
	}
}

// memoryDir is an empty directory on a file system other than the test's.
func memoryDir(t *testing.T) string {
	t.Helper()
	const tmpfs = "/dev/shm"
	if info, err := os.Stat(tmpfs); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(tmpfs, "etcd-restore-integration-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestCopiedDatabase restores member/snap/db of a member that was stopped, and of
// one that was killed while it wrote. Such a file has no hash.
func TestCopiedDatabase(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		for name, end := range map[string]func(*etcdtest.Cluster, *testing.T){
			"stopped": func(c *etcdtest.Cluster, t *testing.T) { c.Stop(t) },
			"killed":  func(c *etcdtest.Cluster, t *testing.T) { c.Kill(t) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				// Commits are frequent, so that the file holds something to restore.
				c := etcdtest.New(t, etcdtest.Config{Version: v, Args: []string{"--backend-batch-limit", "20"}})
				c.Start(t)
				writeUntilGone(t, c, func() { end(c, t) })
				file := filepath.Join(t.TempDir(), "db")
				copyFile(t, dbPath(c.Members[0]), file)
				want, rev := readDB(t, file)
				if len(want) == 0 || rev < 20 {
					t.Fatalf("the db proves nothing: %d keys at revision %d", len(want), rev)
				}

				restored := etcdtest.New(t, etcdtest.Config{Version: v})
				m := restored.Members[0]
				without := command(t.Context(), nil, "restore", file, "--data-dir", m.DataDir)
				if without.code != 5 || !strings.Contains(without.err, "--skip-hash-check") {
					t.Errorf("without --skip-hash-check: %+v", without)
				}
				p := restoreOne(t, restored, file, "--skip-hash-check")
				if p.Revision.Restored != rev || p.Snapshot.Trailer != "missing" {
					t.Errorf("result says %+v %q, the db is at revision %d", p.Revision, p.Snapshot.Trailer, rev)
				}
				restored.Start(t)
				if diff := etcdtest.Diff(want, restored.Keys(t, 0)); diff != "" {
					t.Error(diff)
				}
				requireWrite(t, restored.Client(t), "after", rev+1)
			})
		}
	})
}

// writeUntilGone writes from several goroutines and ends the server amid that.
func writeUntilGone(t *testing.T, c *etcdtest.Cluster, end func()) {
	t.Helper()
	const writers, enough = 4, 100
	ctx, cancel := context.WithCancel(t.Context())
	client := c.Client(t)
	written := make(chan struct{})
	done := make(chan struct{})
	for w := range writers {
		go func() {
			defer func() { done <- struct{}{} }()
			for i := 0; ctx.Err() == nil; i++ {
				key := "key-" + string(rune('a'+w)) + string(rune('a'+i%7))
				var err error
				if i%5 == 4 {
					_, err = client.Delete(ctx, key)
				} else {
					_, err = client.Put(ctx, key, strings.Repeat("x", i%300))
				}
				if err == nil {
					select {
					case written <- struct{}{}:
					case <-ctx.Done():
					}
				}
			}
		}()
	}
	for range enough {
		<-written
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-written:
			case <-ended:
				return
			}
		}
	}()
	end()
	close(ended)
	cancel()
	for range writers {
		<-done
	}
}

// readDB is another reading of a database: the live keys and the last revision.
func readDB(t *testing.T, file string) (kvs []*mvccpb.KeyValue, rev int64) {
	t.Helper()
	records := dump(t, file)["key"]
	live := make(map[string]*mvccpb.KeyValue)
	var order []string
	for k := range records {
		order = append(order, k)
	}
	slices.Sort(order)
	for _, k := range order {
		kv := new(mvccpb.KeyValue)
		if err := proto.Unmarshal([]byte(records[k]), kv); err != nil {
			t.Fatal(err)
		}
		live[string(kv.Key)] = kv
		if len(k) == 18 { // a delete
			delete(live, string(kv.Key))
		}
		rev = 0
		for _, b := range []byte(k[:8]) {
			rev = rev<<8 | int64(b)
		}
	}
	for _, kv := range live {
		kvs = append(kvs, kv)
	}
	slices.SortFunc(kvs, func(a, b *mvccpb.KeyValue) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return kvs, rev
}
