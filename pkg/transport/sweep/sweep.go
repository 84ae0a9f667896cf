// Package sweep removes what transports have brought onto this node.
package sweep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// ErrBusy is returned while an upload goes on, or what was left running runs.
var ErrBusy = errors.New("somebody is at work on this node")

// Swept is what was removed.
type Swept struct {
	Removed []string `json:"removed"` // paths
	Bytes   int64    `json:"bytes"`
}

// Sweep removes the programs, uploads and logs below the folder of the runs, and that
// folder, too, if there is nothing else in it. Nothing is removed if anything of it is in
// use. With keepProgram the program that runs now stays.
func Sweep(dir string, keepProgram bool) (Swept, error) {
	swept := Swept{Removed: []string{}}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return swept, nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return swept, err
	}
	defer root.Close()
	locks, err := lockAll(root)
	defer func() {
		for _, l := range locks {
			l.Close()
		}
	}()
	if err != nil {
		return swept, err
	}
	keep := ""
	if keepProgram {
		if keep, err = running(dir); err != nil {
			return swept, err
		}
	}
	for _, folder := range folders() {
		if err := swept.remove(root, folder, keep); err != nil {
			return swept, fmt.Errorf("remove what is in %s: %w", filepath.Join(dir, folder), err)
		}
	}
	if os.Remove(dir) == nil { // there were no runs
		swept.Removed = append(swept.Removed, dir)
	}
	return swept, nil
}

// folders are what there is below Dir beside the runs.
func folders() []string {
	return []string{filepath.Base(transport.Programs), filepath.Base(transport.Uploads), filepath.Base(transport.Logs)}
}

// running is the program that runs now, as a path below dir; "" if it is elsewhere.
func running(dir string) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	rel, err := filepath.Rel(dir, program)
	if err != nil || !filepath.IsLocal(rel) {
		return "", nil
	}
	return rel, nil
}

// lockAll takes the lock of every upload and of everything that was left running.
func lockAll(root *os.Root) ([]*os.File, error) {
	var locks []*os.File
	for _, folder := range folders() {
		entries, err := fs.ReadDir(root.FS(), folder)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return locks, err
		}
		for _, e := range entries {
			name := filepath.Join(folder, e.Name())
			if !strings.HasSuffix(name, ".part") && !strings.HasSuffix(name, ".lock") {
				continue
			}
			file, err := root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
			if err != nil {
				continue // no file of ours
			}
			locks = append(locks, file)
			if err := durable.Lock(file); errors.Is(err, unix.EWOULDBLOCK) {
				path := filepath.Join(root.Name(), name)
				return locks, hint.New(fmt.Errorf("%w: %s is in use", ErrBusy, path), "wait for it, or look for it: fuser -v %s", hint.Path(path))
			} else if err != nil {
				return locks, err
			}
		}
	}
	return locks, nil
}

// remove removes a folder and what is in it, but for one path.
func (s *Swept) remove(root *os.Root, path, keep string) error {
	info, err := root.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), path == keep:
		return nil
	case err != nil:
		return err
	case info.IsDir():
		entries, err := fs.ReadDir(root.FS(), path)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := s.remove(root, filepath.Join(path, e.Name()), keep); err != nil {
				return err
			}
		}
	}
	if keep != "" && strings.HasPrefix(keep, path+"/") {
		return nil
	}
	if err := root.Remove(path); err != nil {
		return err
	}
	s.Removed = append(s.Removed, filepath.Join(root.Name(), path))
	if info.Mode().IsRegular() {
		s.Bytes += info.Size()
	}
	return nil
}
