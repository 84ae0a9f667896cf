package datadir

import (
	"os"

	"golang.org/x/sys/unix"
)

// lockedByEtcd asks for the lock of an open file description that etcd takes on
// the segments of its log on Linux (client/pkg/fileutil/lock_linux.go).
func lockedByEtcd(f *os.File) bool {
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: 0}
	err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock)
	return err == nil && lock.Type != unix.F_UNLCK
}
