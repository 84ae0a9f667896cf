package durable

import "os"

// Owner is whom a file belongs to: a user, a group and, where SELinux has marked
// it, the label that says which processes may touch it.
type Owner struct {
	UID, GID int
	Label    string // as the kernel keeps it; "" leaves what it gives by itself
}

// Give gives path to the owner of what is created, if there is one. A link is not
// followed.
func (f FS) Give(path string) error {
	if f.Owner == nil {
		return nil
	}
	if err := os.Lchown(path, f.Owner.UID, f.Owner.GID); err != nil {
		return err
	}
	return setLabel(path, f.Owner.Label)
}

// Chmod sets the permissions of path.
func (f FS) Chmod(path string, mode os.FileMode) error {
	f.At("chmod", path)
	return os.Chmod(path, mode)
}
