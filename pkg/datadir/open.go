package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Options says where to look when a data directory is not all in one place.
type Options struct {
	WALDir string // the member's --wal-dir; empty: inside the data directory
}

// Dir is a data directory that no etcd is using.
type Dir struct {
	DB      string // path of member/snap/db; see DBFor
	SnapDir string
	WALDir  string

	lock *os.File
}

// Open finds the parts of a stopped member's data directory. dir may also be
// the member directory in it.
//
// A running etcd is noticed by its exclusive lock on the db: then the error is
// ErrInUse. Until Close, a shared lock keeps an etcd that is started meanwhile
// waiting, so that what is read is not changed. The shared lock goes with
// another reader's, bbolt's in read-only mode included.
func Open(dir string, opts Options) (*Dir, error) {
	d, err := find(dir, opts)
	if err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	if d.lock, err = lockShared(d.DB); err != nil {
		return nil, fmt.Errorf("open data directory %s: %w", dir, err)
	}
	if err := logLocked(d.WALDir); err != nil { // it may be of another member's db
		return nil, errors.Join(fmt.Errorf("open data directory %s: %w", dir, err), d.lock.Close())
	}
	return d, nil
}

// Close releases the lock.
func (d *Dir) Close() error { return d.lock.Close() }

// DBFor returns the path of the db that a starting etcd would use. That is
// DB, unless the member stopped between receiving a db from its leader, which
// it then left in a file of its own, and putting it in place: then its raft
// snapshot is ahead of the consistent index in DB.
func (d *Dir) DBFor(consistentIndex, snapshotIndex uint64) (string, error) {
	if snapshotIndex <= consistentIndex {
		return d.DB, nil
	}
	received := filepath.Join(d.SnapDir, fmt.Sprintf("%016x.snap.db", snapshotIndex))
	if _, err := os.Stat(received); err != nil {
		return "", fmt.Errorf("%w: the db ends at entry %d, its raft snapshot is at %d, and there is no db to go with it: %w",
			ErrIncomplete, consistentIndex, snapshotIndex, err)
	}
	return received, nil
}

func find(dir string, opts Options) (*Dir, error) {
	member, err := findMember(dir)
	if err != nil {
		return nil, err
	}
	d := &Dir{SnapDir: filepath.Join(member, "snap"), WALDir: filepath.Join(member, "wal")}
	d.DB = filepath.Join(d.SnapDir, "db")
	if opts.WALDir != "" {
		d.WALDir = opts.WALDir
	}
	if err := require(d.DB, fs.FileMode.IsRegular, "a regular file"); err != nil {
		return nil, err
	}
	if err := require(d.WALDir, fs.FileMode.IsDir, "a directory"); err != nil {
		return nil, hint.New(err, "if etcd ran with --wal-dir, give that directory too")
	}
	return d, nil
}

// findMember accepts a data directory or the member directory in it.
func findMember(dir string) (string, error) {
	if err := require(dir, fs.FileMode.IsDir, "a directory"); err != nil {
		return "", err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	has := make(map[string]bool)
	for _, e := range names {
		has[e.Name()] = true
	}
	switch {
	case has["member"]:
		return filepath.Join(dir, "member"), nil
	case has["snap"]:
		return dir, nil
	case len(names) == 0:
		return "", fmt.Errorf("%w: it is empty", ErrNotDataDir)
	default:
		return "", hint.New(fmt.Errorf("%w: it has no directory member", ErrNotDataDir),
			"give the value of etcd's --data-dir")
	}
}

// require checks what stands at path. That it may not be looked at is no
// reason to say that it is the wrong thing.
func require(path string, is func(fs.FileMode) bool, what string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", ErrNotDataDir, err)
	case err != nil:
		return err
	case !is(info.Mode()):
		return fmt.Errorf("%w: %s is not %s", ErrNotDataDir, path, what)
	}
	return nil
}

// lockShared takes the lock that every etcd since 3.0 excludes others from
// its db with, in shared mode and without waiting. Neither changes the file.
func lockShared(db string) (*os.File, error) {
	f, err := os.Open(db)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, hint.New(fmt.Errorf("%w: it holds the lock on %s", ErrInUse, db), "stop that etcd first, or read its live status")
	}
	return nil, fmt.Errorf("find out whether an etcd is running by the lock on %s: %w", db, err)
}

// logLocked is ErrInUse if a running etcd holds the locks with which it excludes
// others from its log. It takes none.
func logLocked(walDir string) error {
	found, err := segments(os.DirFS(walDir))
	if err != nil || len(found) == 0 {
		return nil // for the reader to explain
	}
	last := filepath.Join(walDir, found[len(found)-1].file)
	f, err := os.OpenFile(last, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil // likewise
	}
	defer f.Close()
	if lockedByEtcd(f) {
		return hint.New(fmt.Errorf("%w: it holds the lock on %s", ErrInUse, last), "stop that etcd first, or read its live status")
	}
	return nil
}
