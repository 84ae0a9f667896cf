//go:build unix

package durable

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Space returns the bytes that the calling user may still write below path, and
// a number that is the same for all paths on one file system.
func Space(path string) (free int64, device uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, fmt.Errorf("free space of %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, err
	}
	st, _ := info.Sys().(*syscall.Stat_t)
	return int64(s.Bavail) * int64(s.Bsize), uint64(st.Dev), nil
}

// OpenOwnDir opens a directory that belongs to the calling user, root owning
// all. It follows no symbolic link and waits for nothing.
func OpenOwnDir(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	dir := os.NewFile(uintptr(fd), path)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	if me := os.Geteuid(); me != 0 && me != int(st.Uid) {
		return nil, errors.Join(&os.PathError{Op: "open", Path: path, Err: os.ErrPermission}, dir.Close())
	}
	return dir, nil
}

// OnlyMine reports why an open directory is not one that only the calling user writes to,
// root as any other: a text for people, or "".
func OnlyMine(dir *os.File) (why string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return "", &os.PathError{Op: "stat", Path: dir.Name(), Err: err}
	}
	mode := os.FileMode(st.Mode & 0o777)
	switch me := os.Geteuid(); {
	case me != int(st.Uid):
		return fmt.Sprintf("%s belongs to user %d, not to %d", dir.Name(), st.Uid, me), nil
	case mode&0o022 != 0:
		return fmt.Sprintf("others may write to %s (%v)", dir.Name(), mode), nil
	}
	return "", nil
}

// Lock takes an exclusive lock on an open directory or file, or fails at once if
// somebody holds it. The lock ends when the descriptor is closed, so that of a
// killed process is free.
func Lock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}

// Locked reports whether somebody has locked f. Two who ask do not see each other, but
// who locks at this moment may find the question in the way, see Lock.
func Locked(f *os.File) bool {
	if unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil {
		return true
	}
	_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
	return false
}

// LockWait is like Lock, but waits until nobody holds it.
func LockWait(f *os.File) error { return unix.Flock(int(f.Fd()), unix.LOCK_EX) }
