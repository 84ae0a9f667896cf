package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// ErrFolder is returned for a folder that others may write to.
var ErrFolder = errors.New("folder is not safe")

// MakeFolder makes a folder of Dir on this node, and Dir itself, or makes sure that what
// is there is ours alone.
func MakeFolder(path string) error {
	if err := own(filepath.Dir(path)); err != nil {
		return err
	}
	return own(path)
}

func own(path string) error {
	var fsys durable.FS
	if err := fsys.Mkdir(path); err == nil {
		return fsys.SyncDir(filepath.Dir(path))
	} else if !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make a folder: %w", err)
	}
	dir, err := durable.OpenOwnDir(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFolder, err)
	}
	defer dir.Close()
	why, err := durable.OnlyMine(dir)
	if why != "" {
		err = hint.New(fmt.Errorf("%w: %s", ErrFolder, why),
			"on the node look at what is in it, and let only root write there: chown -R root: %[1]s; chmod 0700 %[1]s", hint.Path(path))
	}
	return err
}
