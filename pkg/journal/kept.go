package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

// File is a file as it was before the run.
type File struct {
	Name   string      `json:"name"` // in the run
	Path   string      `json:"path"` // where it was
	SHA256 string      `json:"sha256"`
	Mode   fs.FileMode `json:"mode"` // permissions
	UID    int         `json:"uid"`
	GID    int         `json:"gid"`
}

// Keep copies a file into the run, byte for byte, under a name. What has been kept
// stays: a second time, after a crash, the file may have changed already.
func (r *Run) Keep(name, path string) (File, error) {
	if name != filepath.Base(name) || name == "." || name == ".." || name == "/" {
		return File{}, fmt.Errorf("%w: %q is no name for a file", ErrOrder, name)
	}
	for _, f := range r.state.Kept {
		if f.Name == name {
			return f, nil
		}
	}
	text, info, err := readRegular(path)
	if err != nil {
		return File{}, fmt.Errorf("keep %s: %w", path, err)
	}
	f := File{Name: name, Path: path, SHA256: digest(text), Mode: info.Mode().Perm()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = int(st.Uid), int(st.Gid)
	}
	if err := r.store(name, text); err != nil {
		return File{}, fmt.Errorf("keep %s: %w", path, err)
	}
	return f, r.append(Record{Event: Kept, File: &f})
}

// store writes a copy that no record tells of yet, in the place of what a killed
// process left of one.
func (r *Run) store(name string, text []byte) error {
	path := filepath.Join(r.Dir(), keptDir, name)
	if err := r.folder.fs.RemoveAll(path); err != nil {
		return err
	}
	if err := r.folder.fs.WriteFile(path, text); err != nil {
		return err
	}
	return r.folder.fs.SyncDir(filepath.Dir(path))
}

func readRegular(path string) ([]byte, fs.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(file)
	return text, info, err
}

// Read returns the bytes of a file that was kept.
func (r *Run) Read(f File) ([]byte, error) {
	text, _, err := readRegular(filepath.Join(r.Dir(), keptDir, f.Name))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if digest(text) != f.SHA256 {
		return nil, fmt.Errorf("%w: %s is not as it was kept", ErrCorrupt, f.Name)
	}
	return text, nil
}

// Put writes a file that was kept to a path where nothing is, with its owner and
// permissions, and syncs it. To rename it into place is the caller's business.
func (r *Run) Put(f File, path string) error {
	text, err := r.Read(f)
	if err != nil {
		return err
	}
	fsys := durable.FS{Boundary: r.folder.fs.Boundary}
	if os.Geteuid() == 0 {
		fsys.Owner = &durable.Owner{UID: f.UID, GID: f.GID}
	}
	file, err := fsys.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Chmod(f.Mode)
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
