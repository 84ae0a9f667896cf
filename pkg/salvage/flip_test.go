package salvage

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Whatever byte of a directory is wrong: a salvage ends with an error of those that
// are documented, or has all that the db has, and never changes its input (I1).
func TestFlippedBytes(t *testing.T) {
	t.Parallel()
	dir := small(t)
	revision := revisionOf(t, datadir.DBPath(dir))
	log, whole := segment(t, dir, 0)
	db, err := os.ReadFile(datadir.DBPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 250 {
		at, bit := random.IntN(end(whole)), byte(1)<<random.IntN(8)
		flipped := slices.Clone(whole)
		flipped[at] ^= bit
		overwrite(t, log, flipped)
		requireSound(t, dir, revision, fmt.Sprintf("log, byte %d ^ %#x", at, bit))
	}
	overwrite(t, log, whole)
	for range 250 {
		at, bit := random.IntN(len(db)), byte(1)<<random.IntN(8)
		flipped := slices.Clone(db)
		flipped[at] ^= bit
		overwrite(t, datadir.DBPath(dir), flipped)
		requireSound(t, dir, revision, fmt.Sprintf("db, byte %d ^ %#x", at, bit))
	}
}

// small is the directory of a real server whose log goes on beyond its db. The
// zeros that etcd keeps behind the log are fewer here.
func small(t *testing.T) string {
	t.Helper()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	m, client := c.Members[0], c.Client(t)
	write := func(n int) {
		lease, err := client.Grant(t.Context(), 3600)
		for i := range n {
			if err == nil {
				_, err = client.Put(t.Context(), fmt.Sprintf("key-%d", i%4), fmt.Sprintf("%0200d", i), clientv3.WithLease(lease.ID))
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	write(10)
	c.Stop(t)
	early := inUse(t, datadir.DBPath(m.DataDir))
	c.Start(t)
	client = c.Client(t)
	write(20)
	c.Kill(t)
	log, content := segment(t, m.DataDir, 0)
	overwrite(t, log, content[:end(content)/4096*4096+64<<10])
	overwrite(t, datadir.DBPath(m.DataDir), early)
	remove(t, filepath.Join(datadir.WALDir(m.DataDir), "0.tmp"))
	return m.DataDir
}

// inUse is a db without the room that etcd has reserved for it.
func inUse(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := boltfile.SizeIn(f)
	if err != nil {
		t.Fatal(err)
	}
	db := make([]byte, size)
	if _, err := f.ReadAt(db, 0); err != nil {
		t.Fatal(err)
	}
	return db
}

func revisionOf(t *testing.T, path string) int64 {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	view, err := f.Keyspace()
	if err != nil {
		t.Fatal(err)
	}
	return view.Revision()
}

func requireSound(t *testing.T, dir string, revision int64, what string) {
	t.Helper()
	before := fingerprint(t, dir)
	out := filepath.Join(t.TempDir(), "s.db")
	_, err := Run(t.Context(), Config{Sources: sources(dir), Tail: TailInclude, AllowPartial: true, Output: out})
	if fingerprint(t, dir) != before {
		t.Errorf("%s: the directory has changed", what)
	}
	if err != nil {
		left(t, filepath.Dir(out))
		documented := []error{
			datadir.ErrCorrupt, datadir.ErrIncomplete, snapshot.ErrCorrupt, snapshot.ErrNotSnapshot, ErrReplay, ErrVersion,
		}
		if !slices.ContainsFunc(documented, func(sentinel error) bool { return errors.Is(err, sentinel) }) || !hinted(err) {
			t.Errorf("%s: undocumented or without a hint: %v", what, err)
		}
		return
	}
	if got, want := hashAt(t, out, revision), hashAt(t, datadir.DBPath(dir), revision); got != want {
		t.Errorf("%s: at revision %d it is %s, in the db %s", what, revision, got, want)
	}
}

// hashAt is a hash, or why there is none: a flipped bit can have compacted all.
func hashAt(t *testing.T, path string, revision int64) string {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	hash, err := f.HashKV(t.Context(), revision, nil)
	return fmt.Sprintf("%x of %d compacted %d %v", hash.Hash, revision, hash.CompactRevision, err)
}
