//go:build !linux

package etcdclient

// renameNew renames a file and fails with fs.ErrExist if anything has the new
// name already.
func renameNew(from, to string) error { return linkNew(from, to) }
