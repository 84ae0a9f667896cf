// Package newfile makes a file that appears under its name once it is whole and
// on disk. Until then it grows beside that name under one of its own, which is
// removed whatever happens; only SIGKILL leaves it behind.
package newfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

var (
	// ErrExists is returned when the file exists and may not be replaced.
	ErrExists = errors.New("file exists")
	// ErrTarget is returned when the path cannot be the name of a new file.
	ErrTarget = errors.New("not a place for a file")
	// ErrNoSpace is returned when the file system is too full.
	ErrNoSpace = errors.New("not enough space")
)

// File is the growing file beside its final name.
type File struct {
	fs   durable.FS
	file *durable.File
	path string // the final name
}

// Create makes a file that nobody else has: two that are made for one path never
// write into each other's. Discard it.
func Create(path string) (*File, error) {
	f := &File{path: path}
	var err error
	f.file, err = f.fs.Create(fmt.Sprintf("%s.%s.part", path, rand.Text()[:8]))
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return nil, hint.New(fmt.Errorf("cannot create a file in %s: %w", f.dir(), cause(err)),
			"choose a directory that you may write to")
	case full(err):
		return nil, f.noSpace(cause(err))
	default:
		return nil, fmt.Errorf("cannot create a file in %s: %w", f.dir(), cause(err))
	}
}

// Part is the path at which the file grows.
func (f *File) Part() string { return f.file.Name() }

// OS is the open file, for those who do more than append. It fills disks, too:
// see Explain.
func (f *File) OS() *os.File { return f.file.File }

// Begin checks that size bytes fit.
func (f *File) Begin(size int64) error {
	free, _, err := durable.Space(f.dir())
	if err != nil {
		return err
	}
	if free < size {
		return f.noSpace(fmt.Errorf("it takes %d bytes and %d are free", size, free))
	}
	return nil
}

// Write appends to the file.
func (f *File) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	return n, f.Explain(err)
}

// Clone makes the file share the blocks of src. It fails where that is not
// possible, leaving the file as it was.
func (f *File) Clone(src *os.File) error { return f.file.Clone(src) }

// Truncate cuts the file to size bytes.
func (f *File) Truncate(size int64) error { return f.Explain(f.file.Truncate(size)) }

// Sync makes what was written survive a power cut.
func (f *File) Sync() error { return f.Explain(f.file.Sync()) }

// Publish gives the file, which is synced, its name and syncs that. Without
// replace it fails with ErrExists if anything has the name by now.
func (f *File) Publish(replace bool) error {
	if replace {
		if err := os.Rename(f.file.Name(), f.path); err != nil {
			return err
		}
		return f.fs.SyncDir(f.dir())
	}
	err := f.fs.Rename(f.file.Name(), f.path)
	if errors.Is(err, fs.ErrExist) {
		return existsError(f.path)
	}
	return err
}

// Discard closes the file and removes it if it was not published: by then its
// old name is gone. There is nothing to do about an error on this way out.
func (f *File) Discard() {
	_ = f.file.Close()
	_ = os.Remove(f.file.Name())
}

// Explain gives an error of the file system its sentinel and the next step.
func (f *File) Explain(err error) error {
	if full(err) {
		return f.noSpace(cause(err))
	}
	return err
}

func (f *File) dir() string { return filepath.Dir(f.path) }

func (f *File) noSpace(why error) error {
	return hint.New(fmt.Errorf("%s: %w: %w", f.dir(), ErrNoSpace, why), "free some, or choose another directory")
}

func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// cause drops the temporary name that os puts into its errors: it would only
// puzzle the user.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
