package nodeprune

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

// removed ends the name of what is being removed.
const removed = ".removed"

// Remove removes an item for good. A directory loses its name first, so that whenever this
// ends there is nothing half of it that could be taken for the whole.
func Remove(item Item) error {
	files := durable.FS{}
	if item.Keep != "" {
		return fmt.Errorf("%w: %s: %s", ErrInUse, item.Path, item.Keep)
	}
	if item.Kind == Data && locked(item.Path) {
		return fmt.Errorf("%w: %s", ErrInUse, item.Path)
	}
	nameless := strings.TrimSuffix(item.Path, removed) + removed
	if nameless != item.Path {
		if err := files.RemoveAll(nameless); err != nil {
			return err
		}
		if err := files.Rename(item.Path, nameless); err != nil {
			return err
		}
	}
	if err := files.RemoveAll(nameless); err != nil {
		return err
	}
	return files.SyncDir(filepath.Dir(item.Path))
}
