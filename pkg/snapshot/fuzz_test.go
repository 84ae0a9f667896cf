package snapshot_test

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// tiny is a snapshot of a few pages of 1 KiB, small enough for a fuzzer, with a
// branch page and overflow pages.
func tiny(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: 1024, NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	db.AllocSize = 1024
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return craft(t, seal(read(t, path)),
		record(t, 2, "/registry/a", "x"), record(t, 3, "b", string(make([]byte, 1500))), record(t, 4, "c", string(make([]byte, 900))),
		put{schema.KeyBucket, string(schema.Revision{Main: 5, Tombstone: true}.Key()), "\x0a\x01b"},
		put{schema.MetaBucket, schema.ConsistentIndexKey, string(schema.Index(9))},
		put{schema.MetaBucket, schema.FinishedCompactKey, string(schema.Revision{Main: 2}.Key())},
		put{schema.MetaBucket, schema.StorageVersionKey, "3.7.0"},
		put{schema.MembersBucket, "ab", `{"id":171,"peerURLs":["http://a:1"]}`},
		put{schema.LeaseBucket, "\x00\x00\x00\x00\x00\x00\x00\x07", "\x08\x07\x10\x3c"},
		put{schema.AlarmBucket, "\x08\x07\x10\x01", ""},
		put{schema.AuthBucket, schema.AuthEnabledKey, "\x00"},
		put{schema.ClusterBucket, schema.ClusterVersionKey, "3.7.0"},
	)
}

// record is the first version of a key.
func record(t testing.TB, rev int64, key, value string) put {
	t.Helper()
	return put{schema.KeyBucket, string(schema.Revision{Main: rev}.Key()), marshal(t, &mvccpb.KeyValue{
		Key: []byte(key), Value: []byte(value), CreateRevision: rev, ModRevision: rev, Version: 1,
	})}
}

// FuzzOpen reads arbitrary bytes in every way there is. Whatever they are, the
// outcome is a result or an error that says what to do, and if verify passes a
// file, everything else can read it.
func FuzzOpen(f *testing.F) {
	sound := tiny(f)
	f.Add(sound, true)
	f.Add(cut(sound), true)
	f.Add(sound, false)
	f.Add(sound[:len(sound)/2], true)
	f.Add(compressed(f, sound), false)
	f.Add(compressed(f, sound)[:100], false)
	f.Add([]byte("garbage"), false)
	path := filepath.Join(f.TempDir(), "snapshot.db")
	f.Fuzz(func(t *testing.T, b []byte, repair bool) {
		if repair {
			b = repaired(b)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := snapshot.Open(path)
		if err != nil {
			known(t, err)
			return
		}
		defer file.Close()
		report, err := file.Verify(t.Context(), nil)
		if err != nil {
			t.Fatalf("verify: %v", err) // damage belongs into the report
		}
		st, err := file.ReadStatus(t.Context(), snapshot.StatusOptions{Digest: true})
		if err != nil {
			known(t, err)
		}
		_, hashErr := file.HashKV(t.Context(), 0, nil)
		if hashErr != nil {
			known(t, hashErr)
		}
		structureErr := file.CheckStructure(t.Context(), nil)
		if structureErr != nil {
			known(t, structureErr)
		}
		if err := file.Entries(func(string, []byte, []byte) error { return nil }); err != nil {
			known(t, err)
		}
		if !report.OK() {
			return
		}
		if err != nil || hashErr != nil || structureErr != nil {
			t.Fatalf("verify passes it, but status: %v, hashkv: %v, structure: %v", err, hashErr, structureErr)
		}
		if st.SHA256 != report.SHA256 || st.Leases != report.Leases {
			t.Fatalf("status %+v, verify %+v", st, report)
		}
	})
}

// known demands one of the errors that an arbitrary file may lead to.
func known(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, snapshot.ErrNotSnapshot) && !errors.Is(err, snapshot.ErrCorrupt) {
		t.Fatalf("%v", err)
	}
	if hint := (interface{ Hint() string })(nil); !errors.As(err, &hint) || hint.Hint() == "" {
		t.Fatalf("%v: no hint", err)
	}
}

// repaired puts the fixed parts and the checksums of both meta pages right, and
// the trailer, so that the fuzzer gets past them.
func repaired(b []byte) []byte {
	const pageSize = 1024
	b = slices.Clone(b)
	le := binary.LittleEndian
	for slot := 0; slot < 2 && (slot+1)*pageSize <= len(b); slot++ {
		page := b[slot*pageSize:]
		le.PutUint64(page, uint64(slot))
		le.PutUint16(page[8:], 4)
		meta := page[16:]
		le.PutUint32(meta, 0xED0CDAED)
		le.PutUint32(meta[4:], 2)
		le.PutUint32(meta[8:], pageSize)
		sum := fnv.New64a()
		sum.Write(meta[:56])
		le.PutUint64(meta[56:], sum.Sum64())
	}
	if snapshot.HasTrailer(int64(len(b))) {
		return seal(cut(b))
	}
	return b
}

// TestTinyIsSound makes sure that the fuzzer starts from a file that passes, and
// that its repairs leave one that does.
func TestTinyIsSound(t *testing.T) {
	t.Parallel()
	sound := tiny(t)
	for _, b := range [][]byte{sound, repaired(sound)} {
		report := verify(t, write(t, b))
		if report == nil || !report.OK() || report.Records != 4 || len(report.Findings) != 1 { // the alarm
			t.Errorf("%+v", report)
		}
	}
	if len(sound) > 32<<10 {
		t.Errorf("%d bytes are too many for a fuzzer", len(sound))
	}
}
