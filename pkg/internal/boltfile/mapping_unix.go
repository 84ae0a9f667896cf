//go:build unix

package boltfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func newMapping(f *os.File, size int64) (*mapping, error) {
	if size != int64(int(size)) {
		return nil, fmt.Errorf("map %s: %d bytes do not fit the address space", f.Name(), size)
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %s: %w", f.Name(), err)
	}
	return &mapping{
		data:   data,
		unmap:  func() error { return unix.Munmap(data) },
		forget: func() { _ = unix.Madvise(data, unix.MADV_DONTNEED) }, // only advice: failing it costs memory, not truth
	}, nil
}
