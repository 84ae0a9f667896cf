package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

// targets are the directories that are to appear, for us.
func (s *subject) targets() []string {
	dirs := []string{s.Node.Path(s.DataDir)}
	if s.WALDir != "" {
		dirs = append(dirs, s.Node.Path(s.WALDir))
	}
	return dirs
}

// targetAvailable wants nothing where the new directories go, and that they can be
// made, with what is missing of the directories above.
func (s *subject) targetAvailable(context.Context) (found []Finding) {
	if s.DataDir == "" {
		return skip("there is no directory to restore into, see EtcdStorage")
	}
	for _, dir := range s.targets() {
		_, err := os.Lstat(dir)
		switch {
		case err == nil:
			found = append(found, bad(hint.New(fmt.Errorf("%w: %s exists", restore.ErrTarget, dir),
				"nothing is ever overwritten: choose another directory, or move this one aside: mv %s %s", hint.Path(dir), hint.Path(dir+".old")))...)
		case !errors.Is(err, fs.ErrNotExist):
			found = append(found, bad(hint.New(fmt.Errorf("look at %s: %w", dir, err), "choose another directory"))...)
		default:
			above, err := existing(filepath.Dir(dir))
			if err == nil {
				err = writable(above)
			}
			found = append(found, bad(err)...)
		}
	}
	return found
}

// sameFilesystem wants the new data on the disk of the old: the one that somebody
// chose for etcd.
func (s *subject) sameFilesystem(context.Context) []Finding {
	if s.DataDir == "" {
		return skip("there is no directory to restore into, see EtcdStorage")
	}
	found := s.compare(s.Facts.Data.Dir.Local, s.Node.Path(s.DataDir))
	if old := s.Facts.Data.WAL; old != nil && s.WALDir != "" {
		found = append(found, s.compare(old.Local, s.Node.Path(s.WALDir))...)
	}
	return found
}

func (s *subject) compare(old, target string) []Finding {
	snap := datadir.SnapDir(old) // the disk may be mounted below the directory
	if _, err := os.Stat(snap); err == nil {
		old = snap
	}
	if _, err := os.Stat(old); old == "" || errors.Is(err, fs.ErrNotExist) {
		return skip("there is no old directory to compare with")
	}
	_, was, err := durable.Space(old)
	if err != nil {
		return bad(err)
	}
	above, err := existing(target)
	if err != nil {
		return bad(err)
	}
	switch _, will, err := durable.Space(above); {
	case err != nil:
		return bad(err)
	case was != will:
		return bad(hint.New(fmt.Errorf("%w: %s would not be on the file system of %s", ErrNode, target, old),
			"etcd needs its fast disk: name a directory on that; if it is meant to move, ignore SameFilesystem"))
	case !s.Swap:
		return nil
	}
	switch same, err := sameMount(filepath.Dir(s.Facts.Data.Dir.Local), above); {
	case err != nil:
		return bad(err)
	case !same:
		return bad(hint.New(fmt.Errorf("%w: %s and %s are on different mounts, and cannot exchange their names", ErrNode, target, old), "leave out --data-dir-mode=swap"))
	}
	return nil
}

// existing is the innermost directory of path that exists.
func existing(path string) (string, error) {
	for {
		info, err := os.Stat(path)
		switch parent := filepath.Dir(path); {
		case err == nil && info.IsDir():
			return path, nil
		case err == nil:
			return "", hint.New(fmt.Errorf("%w: %s is no directory", ErrNode, path), "choose another directory")
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR), parent == path:
			return "", err
		default:
			path = parent
		}
	}
}

// writable asks the kernel, which knows of read-only mounts, too.
func writable(dir string) error {
	err := unix.Access(dir, unix.W_OK|unix.X_OK)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EROFS):
		return hint.New(fmt.Errorf("%w: %s is mounted read-only", ErrNode, dir), "look why: dmesg | grep -i -e error -e remount; then mount -o remount,rw")
	case errors.Is(err, unix.ENOENT):
		return hint.New(fmt.Errorf("%w: %s does not exist", ErrNode, dir), "create it: mkdir -p %s", hint.Path(dir))
	}
	return hint.New(fmt.Errorf("%w: nothing can be made in %s: %w", ErrNode, dir, err), "look at it: ls -ld %s; lsattr -d %s", hint.Path(dir), hint.Path(dir))
}

// inside reports whether path is dir or lies below it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}
