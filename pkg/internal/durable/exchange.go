package durable

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// ErrNoExchange is returned where two names cannot be exchanged in one step, and
// trying again does not help.
var ErrNoExchange = errors.New("names cannot be exchanged here")

// Exchange lets two existing files or directories have each other's name, in one
// step, and syncs the parents of both. If it fails, nothing has changed.
func (f FS) Exchange(a, b string) error {
	f.At("exchange", b)
	if err := exchange(a, b); err != nil {
		if errors.Is(err, ErrNoExchange) {
			return hint.New(err,
				"both must lie on one mount, of a file system that supports it, such as ext4, XFS or Btrfs; neither may be a mount point itself, nor lie in the other")
		}
		return err
	}
	err := f.SyncDir(filepath.Dir(b))
	if filepath.Dir(a) != filepath.Dir(b) {
		err = errors.Join(err, f.SyncDir(filepath.Dir(a)))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("sync after the exchange: %w", err), exchange(a, b))
	}
	return nil
}
