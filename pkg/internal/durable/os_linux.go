package durable

import (
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
