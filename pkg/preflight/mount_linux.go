package preflight

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// sameMount reports whether a rename leads from one directory to the other. Two
// mounts of one file system will not do. A kernel before 5.8 does not tell them
// apart; the rename does then.
func sameMount(a, b string) (bool, error) {
	var x, y unix.Statx_t
	for _, at := range []struct {
		path string
		st   *unix.Statx_t
	}{{a, &x}, {b, &y}} {
		if err := unix.Statx(unix.AT_FDCWD, at.path, 0, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, at.st); err != nil {
			return false, fmt.Errorf("look at %s: %w", at.path, err)
		}
	}
	if x.Dev_major != y.Dev_major || x.Dev_minor != y.Dev_minor {
		return false, nil
	}
	known := x.Mask&y.Mask&unix.STATX_MNT_ID != 0
	return !known || x.Mnt_id == y.Mnt_id, nil
}
