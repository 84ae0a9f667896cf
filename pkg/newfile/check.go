package newfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Check says at once what would only fail after all the work: that path cannot
// become a new file, or one that replaces another.
func Check(path string, replace bool) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return checkParent(filepath.Dir(path))
	case err != nil:
		return err
	case info.IsDir():
		return hint.New(fmt.Errorf("%s: %w: it is a directory", path, ErrTarget),
			"give the name of a file in it, such as %s", filepath.Join(path, "snapshot.db"))
	case info.Mode()&fs.ModeSymlink != 0:
		// To rename over it would replace the link and leave its target old.
		return hint.New(fmt.Errorf("%s: %w: it is a symbolic link", path, ErrTarget),
			"give the path that the link points to")
	case !info.Mode().IsRegular():
		return hint.New(fmt.Errorf("%s: %w: it is not a regular file", path, ErrTarget), "give the name of a new file")
	case !replace:
		return existsError(path)
	}
	return nil
}

func checkParent(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return hint.New(fmt.Errorf("%s: %w: the directory does not exist", dir, ErrTarget), "run mkdir -p %s", hint.Path(dir))
	case err != nil:
		return err
	case !info.IsDir():
		return hint.New(fmt.Errorf("%s: %w: it is not a directory", dir, ErrTarget), "give a path in a directory")
	}
	return nil
}

func existsError(path string) error {
	return hint.New(fmt.Errorf("%s: %w", path, ErrExists), "give another name: nothing is replaced unless you say so")
}
