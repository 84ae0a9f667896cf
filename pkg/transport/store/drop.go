package store

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// lent is how the name of a file begins that a node has made for a workstation to fetch.
const lent = "lent-"

// Lend returns the path for a file that this node makes, for a workstation to fetch and
// then to Drop. The name is the workstation's choice, so that it can drop the file even if
// it was never told of it.
func (s *Store) Lend(name string) (string, error) {
	if name == "" || strings.Trim(name, "0123456789abcdefghijklmnopqrstuvwxyz") != "" || len(name) > 64 {
		return "", fmt.Errorf("%w: %q", ErrName, name)
	}
	return s.Path(lent + name + ".db"), nil
}

// Drop removes what was made for Lend under this name, and what there is of it if it was
// never finished. That there is nothing is no error.
func (s *Store) Drop(name string) error {
	path, err := s.Lend(name)
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(s.root.FS(), ".")
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if base := filepath.Base(path); e.Name() == base || strings.HasPrefix(e.Name(), base+".") && strings.HasSuffix(e.Name(), ".part") {
			if err := s.root.Remove(e.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return hint.New(err, "remove it on the node: rm %s", hint.Path(path))
	}
	return nil
}
