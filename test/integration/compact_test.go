package integration

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	clientv3 "go.etcd.io/etcd/client/v3"

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
		requireSameHash(t, compact, first+1)

		// The record without a key that a bump leaves is all that is too much in
		// the one, and all that makes their HashKV differ.
		compact.Stop(t)
		plain.Stop(t)
		got, want := dump(t, dbPath(compact.Members[0]))["key"], dump(t, dbPath(plain.Members[0]))["key"]
		if ghost, ok := want[string(revKey(first))]; !ok || ghost != "" {
			t.Errorf("the record that a bump leaves is %q, %t", ghost, ok)
		}
		delete(want, string(revKey(first)))
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("records (-plain +compact):\n%s", diff)
		}
	})
}

// TestCompactIsACompaction compares --compact, without a bump, to the same
// restore compacted by the server itself: hash, records and what a watch gets
// that begins at the compacted revision.
func TestCompactIsACompaction(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := sourceOf(t, v)
		ours := etcdtest.New(t, etcdtest.Config{Version: v})
		p := restoreOne(t, ours, s.file, append(noBump(), "--compact")...)
		if p.Revision.Restored != s.revision || p.Revision.Compacted != s.revision {
			t.Errorf("result says %+v, want all at %d", p.Revision, s.revision)
		}
		servers := etcdtest.New(t, etcdtest.Config{Version: v})
		restoreOne(t, servers, s.file, noBump()...)
		ours.Start(t)
		servers.Start(t)
		if _, err := servers.Client(t).Compact(t.Context(), s.revision, clientv3.WithCompactPhysical()); err != nil {
			t.Fatal(err)
		}
		oldServer := v == etcdtest.V34 // Debian's is from before 3.4.34 and forgets the deletes of the compacted revision
		var events, hashes []string
		for _, c := range []*etcdtest.Cluster{ours, servers} {
			requireContent(t, c, s, 0)
			requireRevision(t, c, s.revision)
			events = append(events, eventsSince(t, c, s.revision, !oldServer))
			hashes = append(hashes, fmt.Sprintf("%x", c.HashKV(t, s.revision+1)))
		}
		if events[0] != events[1] {
			t.Errorf("a watch from revision %d gets\n%s\nafter a compaction by the server it gets\n%s", s.revision, events[0], events[1])
		}
		if hashes[0] != hashes[1] {
			t.Errorf("HashKV is %s, after a compaction by the server %s", hashes[0], hashes[1])
		}
		ours.Stop(t)
		servers.Stop(t)
		want, got := dump(t, dbPath(servers.Members[0]))["key"], dump(t, dbPath(ours.Members[0]))["key"]
		if oldServer {
			maps.DeleteFunc(got, func(k, _ string) bool { return strings.HasSuffix(k, "t") && len(k) == 18 })
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("records (-server's +ours):\n%s", diff)
		}
	})
}

// eventsSince watches everything from revision rev, writes a key and returns the
// events up to it.
func eventsSince(t *testing.T, c *etcdtest.Cluster, rev int64, deletes bool) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	client := c.Client(t)
	requireWrite(t, client, "last", rev+1)
	var events strings.Builder
	for resp := range client.Watch(ctx, "", clientv3.WithFromKey(), clientv3.WithRev(rev)) {
		if err := resp.Err(); err != nil {
			t.Fatalf("watch from revision %d: %v", rev, err)
		}
		for _, e := range resp.Events {
			if e.Type == clientv3.EventTypeDelete && !deletes {
				continue
			}
			fmt.Fprintf(&events, "%d %s %q\n", e.Kv.ModRevision, e.Type, e.Kv.Key)
			if e.Kv.ModRevision > rev {
				return events.String()
			}
		}
	}
	t.Fatalf("watch from revision %d brought only %q", rev, events.String())
	return ""
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
