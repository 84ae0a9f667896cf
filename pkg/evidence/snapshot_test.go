package evidence_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// A snapshot tells the same with a trailer, without, and compressed.
func TestFromSnapshot(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(synthetic(t))
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"with its trailer": whole,
		"a copied db":      whole[:len(whole)-sha256.Size],
		"compressed":       encoder.EncodeAll(whole, nil),
	} {
		path := filepath.Join(t.TempDir(), "snapshot")
		if err := os.WriteFile(path, content, 0o400); err != nil {
			t.Fatal(err)
		}
		got, err := evidence.FromSnapshot(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := evidence.Source{
			Kind: evidence.Snapshot, Name: path, Open: evidence.OpenCopy,
			Proven: 125, LastKey: 125, Scheduled: 51, Finished: 51, ConsistentIndex: 200,
			Members: []schema.Member{{ID: m0, Name: "m0", PeerURLs: []string{"http://127.0.0.1:2380"}, ClientURLs: []string{"http://127.0.0.1:2379"}}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		// It says nothing of what its member wrote later.
		if e := got.Evidence(); e.MemberID != 0 || e.Revision != 125 || e.Source != "snapshot "+path || e.Voters[m0] != "m0" {
			t.Errorf("%s: evidence %+v", name, e)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) { // I1
			t.Errorf("%s: changed (%v)", name, err)
		}
	}
}

// The highest revision is that of a compaction where the last records are gone.
func TestScheduledCompactionCounts(t *testing.T) {
	t.Parallel()
	path := synthetic(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-sha256.Size], 0o600); err != nil {
		t.Fatal(err)
	}
	update(t, path, func(tx *bbolt.Tx) error {
		mark := []byte{0, 0, 0, 0, 0, 0, 0, 200, '_', 0, 0, 0, 0, 0, 0, 0, 0}
		return tx.Bucket([]byte(schema.MetaBucket)).Put([]byte(schema.ScheduledCompactKey), mark)
	})
	got := baseOf(t, path)
	if got.Proven != 200 || got.LastKey != 125 || got.Scheduled != 200 || got.Finished != 51 || got.Compacted() != 200 {
		t.Errorf("%+v", got)
	}
}

func update(t *testing.T, path string, edit func(*bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(edit), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestNoSnapshot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	foreign := filepath.Join(dir, "foreign.db")
	update(t, foreign, func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("cats"))
		return err
	})
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		foreign:                     snapshot.ErrNotSnapshot,
		text:                        snapshot.ErrNotSnapshot,
		dir:                         snapshot.ErrNotSnapshot,
		filepath.Join(dir, "no.db"): os.ErrNotExist,
	} {
		got, err := evidence.FromSnapshot(path)
		if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want %v", path, err, want)
		}
		if diff := cmp.Diff(evidence.Source{}, got); diff != "" {
			t.Errorf("%s: a refusal comes with %s", path, diff)
		}
	}
}

func TestLeftInLog(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/var/lib/etcd/member/snap/db": "its data directory /var/lib/etcd,",
		"/backup/member/snap/db.old":   "",
		"/backup/snapshot.db":          "",
		"standard input":               "",
	} {
		if got := evidence.LeftInLog(path); !strings.Contains(got, want) || (want == "" && got != "") {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
