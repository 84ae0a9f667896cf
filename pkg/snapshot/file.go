package snapshot

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
)

var (
	// ErrNotSnapshot is returned for a file that is not a snapshot at all.
	ErrNotSnapshot = errors.New("not an etcd snapshot")
	// ErrCorrupt is returned for a snapshot that is damaged.
	ErrCorrupt = errors.New("the snapshot is corrupt")
	// ErrNoTrailer is returned where a hash is demanded of a file without one.
	ErrNoTrailer = errors.New("the snapshot has no SHA-256 trailer")
	// ErrInUse is returned for the database of a running etcd.
	ErrInUse = errors.New("a running etcd has this database open")
	// ErrChanged is returned when the file was written to while it was read.
	ErrChanged = errors.New("the snapshot changed while it was being read")
)

// TrailerSize is the size of the SHA-256 behind the database, in bytes.
const TrailerSize = sha256.Size

// HasTrailer reports whether a file of size bytes ends in a SHA-256.
func HasTrailer(size int64) bool { return size%512 == TrailerSize }

// File is an open snapshot. Close it.
type File struct {
	name string
	f    *os.File
	info os.FileInfo // as it was when opened
	db   *boltfile.File
	size int64 // of the database, without the trailer
}

// Open opens the snapshot at path for reading only; a file on read-only media or
// with mode 0444 will do. It holds the shared lock that keeps an etcd from
// changing the file, and refuses one that an etcd is changing. A zstd-compressed snapshot
// is first decompressed into a nameless file in the directory for temporary ones.
func Open(path string) (*File, error) {
	f, err := openShared(path)
	if err != nil {
		return nil, err
	}
	if zstd, err := isZstd(f); err != nil || zstd {
		defer f.Close()
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		return Spool(path, f)
	}
	return open(path, f)
}

// openShared opens path with the shared lock that keeps an etcd from changing it.
func openShared(path string) (*os.File, error) {
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	if lockedByOther(f) {
		f.Close()
		return nil, hint.New(fmt.Errorf("%w: %s", ErrInUse, path),
			"take a snapshot of it with `etcdctl-snapshot-x save`, or stop that etcd first")
	}
	return f, nil
}

// openRegular opens path if it is a regular file; anything else could block.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, hint.New(fmt.Errorf("open snapshot: %w", err), "check the path: ls -l %s", hint.Path(filepath.Dir(path)))
	case errors.Is(err, os.ErrPermission):
		return nil, hint.New(fmt.Errorf("open snapshot: %w", err), "run it as the owner of the file, or as root")
	case err != nil:
		return nil, hint.New(fmt.Errorf("open snapshot: %w", err), "check the path: ls -l %s", hint.Path(filepath.Dir(path)))
	case info.IsDir():
		return nil, hint.New(fmt.Errorf("%w: %s is a directory", ErrNotSnapshot, path),
			"give the file; the database of a stopped member is member/snap/db in its data directory")
	case !info.Mode().IsRegular():
		return nil, hint.New(fmt.Errorf("%w: %s is not a regular file (%s)", ErrNotSnapshot, path, info.Mode().Type()),
			"write what it gives into a file, and name that")
	}
	// Whatever took its place meanwhile must not block either.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrPermission) {
		return nil, hint.New(fmt.Errorf("open snapshot: %w", err), "run it as the owner of the file, or as root")
	} else if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(info, now) {
		f.Close()
		return nil, errors.Join(hint.New(fmt.Errorf("%w: %s", ErrChanged, path), "wait until whatever writes it is done"), err)
	}
	return f, nil
}

// open takes f over: it is closed with the File, or on failure.
func open(name string, f *os.File) (_ *File, err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	if info.Size() == 0 {
		return nil, hint.New(fmt.Errorf("%w: %s is empty", ErrNotSnapshot, name), "take another snapshot: the one that made this file failed")
	}
	s := &File{name: name, f: f, info: info, size: info.Size()}
	if HasTrailer(s.size) {
		s.size -= TrailerSize
	}
	if s.db, err = boltfile.New(f, s.size); err != nil {
		return nil, s.explain(err)
	}
	return s, nil
}

// Close releases the file.
func (s *File) Close() error { return errors.Join(s.db.Close(), s.f.Close()) }

// Name is the path the snapshot was opened with.
func (s *File) Name() string { return s.name }

// Size is the size of the database in bytes, without the trailer.
func (s *File) Size() int64 { return s.size }

// HasTrailer reports whether the file ends in a SHA-256.
func (s *File) HasTrailer() bool { return HasTrailer(s.info.Size()) }

// Keyspace is the MVCC view of the database.
func (s *File) Keyspace() (*keyspace.View, error) {
	v, err := keyspace.Open(s.db)
	return v, s.explain(err)
}

// trailer reads the SHA-256 behind the database.
func (s *File) trailer() ([]byte, error) {
	b := make([]byte, TrailerSize)
	if _, err := s.f.ReadAt(b, s.size); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read %s: %w", s.name, err)
	}
	return b, nil
}

// Unchanged fails if the file was written to since it was opened.
func (s *File) Unchanged() error {
	now, err := s.f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", s.name, err)
	}
	if now.Size() != s.info.Size() || !now.ModTime().Equal(s.info.ModTime()) {
		return hint.New(fmt.Errorf("%w: %s", ErrChanged, s.name), "wait until whatever writes it is done")
	}
	return nil
}
