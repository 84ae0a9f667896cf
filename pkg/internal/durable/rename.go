package durable

import "os"

// renamePlain is for file systems that cannot rename and check in one step. They
// still refuse to replace a directory that holds anything, which is what two
// restores into one place come to; a file gets its new name as a link does, which
// replaces nothing.
func renamePlain(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.Rename(from, to)
	}
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}
