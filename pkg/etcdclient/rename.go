package etcdclient

import (
	"errors"
	"os"
)

// rename moves a file to its final name. Unless replace is set it fails with
// fs.ErrExist if anything has that name by now, checked by the kernel in the
// same step.
func rename(from, to string, replace bool) error {
	if replace {
		return os.Rename(from, to)
	}
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}

// syncDir makes a rename in dir survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
