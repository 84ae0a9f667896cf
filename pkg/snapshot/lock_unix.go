//go:build unix

package snapshot

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockedByOther takes the shared lock on f and reports whether it could not,
// since an etcd holds the exclusive one. Where there are no locks, nobody does.
func lockedByOther(f *os.File) bool {
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}
