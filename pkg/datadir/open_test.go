package datadir_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// fingerprint is everything about a tree that reading it must not change.
func fingerprint(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	if err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var content []byte
		if e.Type().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		found[path] = fmt.Sprint(info.Mode(), info.ModTime(), sha256.Sum256(content))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

// requireUnchanged asserts invariant I1 at the end of a test.
func requireUnchanged(t *testing.T, dir string) {
	t.Helper()
	before := fingerprint(t, dir)
	t.Cleanup(func() {
		if after := fingerprint(t, dir); !maps.Equal(before, after) {
			t.Errorf("I1: reading changed %s:\n%v\n%v", dir, before, after)
		}
	})
}

// dataDir writes a data directory that looks like one.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, newCluster(t, oneMember), "m1")
	writeFile(t, datadir.DBPath(dir), []byte("db"))
	return dir
}

func TestOpenI1(t *testing.T) {
	t.Parallel()
	plain := dataDir(t)
	separate := dataDir(t)
	elsewhere := filepath.Join(t.TempDir(), "wal")
	if err := os.Rename(datadir.WALDir(separate), elsewhere); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(plain, link); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, dir string
		opts      datadir.Options
		db, wal   string
	}{
		{"data directory", plain, datadir.Options{}, datadir.DBPath(plain), datadir.WALDir(plain)},
		{"its member directory", plain + "/member", datadir.Options{}, datadir.DBPath(plain), datadir.WALDir(plain)},
		{"a link to it", link, datadir.Options{}, datadir.DBPath(link), datadir.WALDir(link)},
		{"log elsewhere", separate, datadir.Options{WALDir: elsewhere}, datadir.DBPath(separate), elsewhere},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			requireUnchanged(t, plain)
			requireUnchanged(t, separate)
			d, err := datadir.Open(tc.dir, tc.opts)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if d.DB != tc.db || d.WALDir != tc.wal {
				t.Errorf("db %s and log %s, want %s and %s", d.DB, d.WALDir, tc.db, tc.wal)
			}
			if _, err := datadir.ReadInfo(t.Context(), d.WALDir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		make func(t *testing.T, dir string) string // returns what to open; dir is an intact data directory
		opts datadir.Options
		want error
		says string
	}{
		{name: "nothing", make: func(_ *testing.T, dir string) string { return dir + "/absent" }, want: fs.ErrNotExist, says: "absent"},
		{name: "a file", make: func(_ *testing.T, dir string) string { return datadir.DBPath(dir) }, want: datadir.ErrNotDataDir, says: "is not a directory"},
		{name: "an empty directory", make: func(t *testing.T, _ string) string { return t.TempDir() }, want: datadir.ErrNotDataDir, says: "it is empty"},
		{name: "a directory above", make: func(_ *testing.T, dir string) string { return filepath.Dir(datadir.DBPath(dir)) }, want: datadir.ErrNotDataDir, says: "no directory member"},
		{name: "no db", make: remove(datadir.DBPath), want: fs.ErrNotExist, says: "snap/db"},
		{name: "no log", make: remove(datadir.WALDir), want: datadir.ErrNotDataDir, says: "member/wal"},
		{name: "no log where --wal-dir says", opts: datadir.Options{WALDir: "/absent"}, want: datadir.ErrNotDataDir, says: "/absent"},
		{
			name: "db is a directory", want: datadir.ErrNotDataDir, says: "is not a regular file",
			make: func(t *testing.T, dir string) string {
				remove(datadir.DBPath)(t, dir)
				if err := os.Mkdir(datadir.DBPath(dir), 0o700); err != nil {
					t.Fatal(err)
				}
				return dir
			},
		},
		{
			name: "db is a FIFO", want: datadir.ErrNotDataDir, says: "is not a regular file",
			make: func(t *testing.T, dir string) string {
				remove(datadir.DBPath)(t, dir)
				if err := unix.Mkfifo(datadir.DBPath(dir), 0o600); err != nil {
					t.Fatal(err)
				}
				return dir
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := dataDir(t)
			open := dir
			if tc.make != nil {
				open = tc.make(t, dir)
			}
			requireUnchanged(t, dir)
			_, err := datadir.Open(open, tc.opts)
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got error %v, want %q that says %q", err, tc.want, tc.says)
			}
		})
	}
}

func remove(path func(dataDir string) string) func(*testing.T, string) string {
	return func(t *testing.T, dir string) string {
		if err := os.RemoveAll(path(dir)); err != nil {
			t.Fatal(err)
		}
		return dir
	}
}

// A FIFO that is named like a segment must not be waited for.
func TestReaderRefusesFIFO(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := unix.Mkfifo(filepath.Join(dir, datadir.WALName(0, 0)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := datadir.ReadInfo(t.Context(), dir); !errors.Is(err, datadir.ErrNotDataDir) {
		t.Errorf("got error %v, want ErrNotDataDir", err)
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(dir, 0o700); err != nil { // so that it can be removed
			t.Error(err)
		}
	})
	err := asNobody(func() error {
		_, err := datadir.Open(dir, datadir.Options{})
		return err
	})
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, datadir.ErrNotDataDir) {
		t.Errorf("got error %v, want permission denied and no verdict on the directory", err)
	}
}

// asNobody calls f without root's right to read everything, if the test has it.
func asNobody(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			if err := unix.Setfsuid(65534); err != nil {
				result <- err
				return
			}
		}
		result <- f()
	}()
	return <-result
}

// A directory in use is refused for as long as its etcd runs, whatever its
// version, and is not changed by asking.
func TestOpenInUse(t *testing.T) {
	t.Parallel()
	for _, version := range etcdtest.Servers() {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			c := etcdtest.New(t, etcdtest.Config{Version: version})
			c.Start(t)
			dir := c.Members[0].DataDir
			if _, err := datadir.Open(dir, datadir.Options{}); !errors.Is(err, datadir.ErrInUse) {
				t.Errorf("got error %v, want ErrInUse", err)
			}
			c.Kill(t)
			requireUnchanged(t, dir)
			d, err := datadir.Open(dir, datadir.Options{})
			if err != nil {
				t.Fatalf("after the end of etcd: %v", err)
			}
			defer d.Close()
			db, err := bolt.Open(d.DB, 0o400, &bolt.Options{ReadOnly: true})
			if err != nil {
				t.Fatalf("read the db under the shared lock: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if _, err := datadir.ReadInfo(t.Context(), d.WALDir); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDBFor(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	received := filepath.Join(datadir.SnapDir(dir), "00000000000001f4.snap.db") // 500
	writeFile(t, received, nil)
	d, err := datadir.Open(dir, datadir.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, tc := range []struct {
		name                 string
		consistent, snapshot uint64
		path                 string
		err                  error
	}{
		{"db is ahead", 501, 500, d.DB, nil},
		{"db is at the snapshot", 500, 500, d.DB, nil},
		{"a newer db was received", 499, 500, received, nil},
		{"a newer db is missing", 499, 501, "", datadir.ErrIncomplete},
	} {
		if path, err := d.DBFor(tc.consistent, tc.snapshot); path != tc.path || !errors.Is(err, tc.err) {
			t.Errorf("%s: got %q and error %v, want %q and %v", tc.name, path, err, tc.path, tc.err)
		}
	}
}

// The log of a running etcd is noticed by the locks on it, whatever db is beside it.
func TestOpenLogInUse(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	running, copied := c.Members[0].DataDir, dataDir(t)
	options := datadir.Options{WALDir: datadir.WALDir(running)}
	if _, err := datadir.Open(copied, options); !errors.Is(err, datadir.ErrInUse) {
		t.Errorf("got error %v, want ErrInUse", err)
	}
	c.Kill(t)
	d, err := datadir.Open(copied, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}
