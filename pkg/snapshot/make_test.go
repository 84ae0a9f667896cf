package snapshot_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// small is a synthetic snapshot of a few hundred records.
func small(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.db")
	if err := fixture.Write(path, fixture.Options{Keys: 200, Bytes: 100_000}); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// cut takes the trailer off a snapshot.
func cut(b []byte) []byte { return b[:len(b)-snapshot.TrailerSize] }

// seal puts a trailer behind a database.
func seal(db []byte) []byte {
	sum := sha256.Sum256(db)
	return append(slices.Clone(db), sum[:]...)
}

// edit changes a copy of a snapshot with bbolt and seals it again.
func edit(t testing.TB, b []byte, change func(tx *bbolt.Tx) error) []byte {
	t.Helper()
	path := write(t, cut(b))
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(change); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := db.View(func(tx *bbolt.Tx) error {
		_, err := tx.WriteTo(&out)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return seal(out.Bytes())
}

func open(t testing.TB, path string) *snapshot.File {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// etcdutl runs etcdutl 3.7 on a copy of the file, which its hashkv changes.
func etcdutl(t testing.TB, path string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdutl"), append(args, write(t, read(t, path)))...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.Bytes())
	}
	return out
}

// unchanged fails the test if the file is touched before it ends (I1).
func unchanged(t testing.TB, path string) {
	t.Helper()
	before := read(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		now, err := os.Stat(path)
		if err != nil || !now.ModTime().Equal(info.ModTime()) || !bytes.Equal(read(t, path), before) {
			t.Errorf("I1: %s has changed, %v", path, err)
		}
	})
}

func save(t testing.TB, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, b)
}
