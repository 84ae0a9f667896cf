package node

import (
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

func (d *Directory) stat() error {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, d.Local, 0, unix.STATX_BASIC_STATS, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return unix.ENOTDIR
	}
	d.UID, d.GID, d.Mode = int(st.Uid), int(st.Gid), fs.FileMode(st.Mode).Perm()
	d.Device = unix.Mkdev(st.Dev_major, st.Dev_minor)
	var err error
	if d.MountPoint, err = isMountPoint(d.Local, &st); err != nil {
		return err
	}
	var space unix.Statfs_t
	if err := unix.Statfs(d.Local, &space); err != nil {
		return err
	}
	d.Free = int64(space.Bavail) * space.Frsize
	return nil
}

// isMountPoint asks the kernel, which knows mounts of a directory within one file
// system as well. One before 5.8 does not tell: then the device must do.
func isMountPoint(path string, st *unix.Statx_t) (bool, error) {
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 {
		return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
	}
	var parent unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, filepath.Dir(path), 0, unix.STATX_BASIC_STATS, &parent); err != nil {
		return false, err
	}
	return parent.Dev_major != st.Dev_major || parent.Dev_minor != st.Dev_minor, nil
}
