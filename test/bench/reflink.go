package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// mountXFS makes a file system that can share blocks, in a file, and puts the
// snapshot there. It needs root and mkfs.xfs.
func (b *bench) mountXFS() {
	info, err := os.Stat(b.snapshot)
	if err != nil {
		b.t.Fatalf("%v", err)
	}
	image := filepath.Join(b.dir, "xfs.img")
	b.xfs = filepath.Join(b.dir, "xfs")
	if err := os.Mkdir(b.xfs, 0o700); err != nil {
		b.t.Fatalf("%v", err)
	}
	b.exec("truncate", "-s", fmt.Sprint(3*info.Size()+(1<<30)), image)
	b.exec("mkfs.xfs", "-q", "-m", "reflink=1", image)
	b.exec("mount", "-o", "loop", image, b.xfs)
	b.t.Cleanup(func() {
		if err := syscall.Unmount(b.xfs, syscall.MNT_DETACH); err != nil {
			b.note("unmount %s: %v", b.xfs, err)
		}
	})
	b.exec("cp", b.snapshot, filepath.Join(b.xfs, "snapshot.db"))
}

func (b *bench) clearXFS() {
	if err := os.RemoveAll(filepath.Join(b.xfs, "out")); err != nil {
		b.t.Fatalf("%v", err)
	}
	syscall.Sync()
	b.exec("cat", filepath.Join(b.xfs, "snapshot.db"))
}
