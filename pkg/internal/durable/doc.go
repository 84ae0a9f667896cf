// Package durable changes files and directories so that they survive a crash:
// what is renamed into place has been synced first, and the rename is synced
// after.
//
// Every change goes through an [FS], which calls its Boundary before each one.
// That is the seam of the crash tests: they stop the process at every boundary
// in turn and look at what stands.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FS changes the file system. Its zero value is ready.
type FS struct {
	// Boundary, if set, is called before every change with its name and the
	// path it is about.
	Boundary func(op, path string)
	// Owner, if set, is given everything that is created.
	Owner *Owner
}

// At announces a change that the caller is about to make by other means.
func (f FS) At(op, path string) {
	if f.Boundary != nil {
		f.Boundary(op, path)
	}
}

// Mkdir creates one directory, for its owner alone.
func (f FS) Mkdir(path string) error {
	f.At("mkdir", path)
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if err := f.Give(path); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// Create creates a file that does not exist yet, for its owner alone.
func (f FS) Create(path string) (*File, error) {
	f.At("create", path)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Give(path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &File{File: file, fs: f}, nil
}

// Append opens a file that exists to write behind what it holds.
func (f FS) Append(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	return &File{File: file, fs: f}, nil
}

// WriteFile creates a file with the given content and syncs it.
func (f FS) WriteFile(path string, content []byte) error {
	file, err := f.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// SyncDir makes the names in a directory survive a power cut.
func (f FS) SyncDir(path string) error {
	f.At("fsync", path)
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// SyncTree syncs the directories below and at root. Their files are the
// business of who wrote them.
func (f FS) SyncTree(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return f.SyncDir(path)
	})
}

// Rename gives what has been synced its final name and syncs the parent. It fails
// with fs.ErrExist if anything has that name, and changes nothing if it fails.
func (f FS) Rename(from, to string) error {
	f.At("rename", to)
	if err := rename(from, to); err != nil {
		return err
	}
	if err := f.SyncDir(filepath.Dir(to)); err != nil {
		return errors.Join(fmt.Errorf("sync after rename: %w", err), rename(to, from))
	}
	return nil
}

// RemoveAll removes path and what it holds.
func (f FS) RemoveAll(path string) error {
	f.At("remove", path)
	return os.RemoveAll(path)
}
