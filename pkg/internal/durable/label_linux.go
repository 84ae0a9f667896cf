package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// labelName is where SELinux keeps its label. The kernel stores it without SELinux,
// too: the node may boot with it again.
const labelName = "security.selinux"

// maxLabel is more than any label has; the kernel's own limit is a page.
const maxLabel = 4096

// labelOf is the label of what path leads to, "" if there is none.
func labelOf(path string) (string, error) {
	return readLabel(unix.Getxattr, path)
}

func readLabel(get func(path, name string, dest []byte) (int, error), path string) (string, error) {
	buf := make([]byte, maxLabel)
	n, err := get(path, labelName, buf)
	switch {
	case errors.Is(err, unix.ENODATA), errors.Is(err, unix.ENOTSUP):
		return "", nil
	case err != nil:
		return "", &os.PathError{Op: "read the SELinux label of", Path: path, Err: err}
	}
	return string(buf[:n]), nil
}

// setLabel leaves alone what has the label already: under SELinux a new file mostly
// gets that of its directory, and to set one takes a right of its own. A file system
// without labels is no obstacle.
func setLabel(path, label string) error {
	if label == "" {
		return nil
	}
	if now, err := readLabel(unix.Lgetxattr, path); err == nil && now == label {
		return nil
	}
	err := unix.Lsetxattr(path, labelName, []byte(label), 0)
	if err == nil || errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	return &os.PathError{Op: "set the SELinux label of", Path: path, Err: err}
}
