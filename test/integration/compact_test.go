package integration

import (
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestCompact compares a restore with --compact to one that leaves the
// compaction to the first start.
func TestCompact(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := sourceOf(t, v)
		bump := []string{"--bump-revision", "1000000", "--mark-compacted"}
		first := s.revision + 1_000_000

		compact := etcdtest.New(t, etcdtest.Config{Version: v, Size: 3})
		p := restoreAll(t, compact, s.file, append(bump, "--compact")...)
		plain := etcdtest.New(t, etcdtest.Config{Version: v})
		q := restoreOne(t, plain, s.file, bump...)
		if p.Revision.Restored != first || p.Revision.Compacted != first || q.Revision != p.Revision {
			t.Errorf("results say %+v and %+v, want both at %d", p.Revision, q.Revision, first)
		}
		requireCompactDB(t, compact.Members[0], s, first)
		for i, m := range p.Members {
			if got := sizeOf(t, dbPath(compact.Members[i])); m.Size != got || got >= q.Members[0].Size {
				t.Errorf("db of %s has %d bytes, the result says %d, uncompacted has %d", m.Name, got, m.Size, q.Members[0].Size)
			}
		}

		compact.Start(t)
		plain.Start(t)
		awaitLog(t, plain.Members[0], "finished scheduled compaction")
		for _, m := range compact.Members {
			if logged(t, m, "scheduled compaction") {
				t.Errorf("%s compacts at its first start", m.Name)
			}
		}
		for _, c := range []*etcdtest.Cluster{compact, plain} {
			requireRevision(t, c, first)
			requireContent(t, c, s, 0)
			requireCompacted(t, c.Client(t), s.revision, first)
			requireNoGhost(t, c, int64(len(s.now)))
			requireWrite(t, c.Client(t), "after", first+1)
		}
		got, want := requireSameHash(t, compact, first+1), requireSameHash(t, plain, first+1)
		t.Logf("HashKV compact %x, plain %x", got, want)
	})
}

// requireCompactDB looks for the marks and the records in the database itself.
func requireCompactDB(t *testing.T, m *etcdtest.Member, s *source, first int64) {
	t.Helper()
	entries := dump(t, dbPath(m))
	if f, c := entries["meta"]["finishedCompactRev"], entries["meta"]["scheduledCompactRev"]; f != c || f != string(revKey(first)) {
		t.Errorf("compaction is finished at %x and scheduled at %x, want both at %x", f, c, revKey(first))
	}
	if got := len(entries["key"]); got != len(s.now) {
		t.Errorf("%d records for %d keys", got, len(s.now))
	}
}

func dbPath(m *etcdtest.Member) string { return filepath.Join(m.DataDir, "member", "snap", "db") }

// dump reads a database, bucket by bucket.
func dump(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	buckets := make(map[string]map[string]string)
	err = db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("%s: %v", path, err)
		}
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			entries := make(map[string]string)
			buckets[string(name)] = entries
			return b.ForEach(func(k, v []byte) error {
				entries[string(k)] = string(v)
				return nil
			})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return buckets
}

// revKey is a revision as the database stores it.
func revKey(main int64) []byte {
	k := make([]byte, 17)
	for i := range 8 {
		k[i] = byte(main >> (56 - 8*i))
	}
	k[8] = '_'
	return k
}

// awaitLog waits for a line in the member's log.
func awaitLog(t *testing.T, m *etcdtest.Member, text string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !logged(t, m, text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never says %q", m.Name, text)
		}
	}
}
