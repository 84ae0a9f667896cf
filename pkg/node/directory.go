package node

import (
	"fmt"
	"io/fs"
	"path/filepath"
)

// directory looks at a directory of the node.
func (l *looker) directory(path string) Directory {
	d := Directory{Path: path, Local: l.node.Path(path)}
	if err := d.stat(); err != nil {
		d.Err = fmt.Errorf("%s: %w", path, err)
		return d
	}
	d.Size = sizeOf(d.Local)
	return d
}

// sizeOf adds up the files, as far as they can be seen: a running etcd removes some
// meanwhile.
func sizeOf(dir string) (size int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}
