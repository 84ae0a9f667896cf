package durable

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback is only a head start for the sync that follows, so a refusal
// does not matter.
func (f *File) startWriteback(offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}

func clone(dst, src *os.File) error {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
}

// SharesBlocks reports whether files in dir can share blocks, by trying it with
// two files that have no name.
func SharesBlocks(dir string) bool {
	var files [2]*os.File
	for i := range files {
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err != nil {
			return false
		}
		files[i] = os.NewFile(uintptr(fd), dir)
		defer files[i].Close()
	}
	return clone(files[0], files[1]) == nil
}

// rename fails with fs.ErrExist if anything has the new name. The kernel checks
// it in the same step.
func rename(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS): // NFS
		return renamePlain(from, to)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}

func exchange(a, b string) error {
	err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
	if err == nil {
		return nil
	}
	err = &os.LinkError{Op: "exchange", Old: a, New: b, Err: err}
	for _, never := range []error{unix.EINVAL, unix.ENOSYS, unix.ENOTSUP, unix.EXDEV, unix.EBUSY} {
		if errors.Is(err, never) {
			return fmt.Errorf("%w: %w", ErrNoExchange, err)
		}
	}
	return err
}
