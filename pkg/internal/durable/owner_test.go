//go:build linux

package durable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

// A directory passes on its user, its group and its label. The kernel keeps a label
// for SELinux whether that is switched on or not.
func TestOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIP owner: needs root to give files away")
	}
	const label = "system_u:object_r:etcd_test_t:s0\x00"
	dir := t.TempDir()
	like := filepath.Join(dir, "like")
	must(t, os.Mkdir(like, 0o750))
	must(t, os.Chown(like, 1234, 4321))
	unlabelled, err := durable.OwnerOf(like)
	must(t, err)
	if unlabelled.Label != "" && !enforcing() {
		t.Errorf("a label appeared by itself: %q", unlabelled.Label)
	}
	must(t, unix.Lsetxattr(like, "security.selinux", []byte(label), 0))
	must(t, os.Symlink(like, filepath.Join(dir, "link")))

	for _, path := range []string{like, filepath.Join(dir, "link")} {
		owner, err := durable.OwnerOf(path)
		must(t, err)
		if diff := cmp.Diff(&durable.Owner{UID: 1234, GID: 4321, Label: label}, owner); diff != "" {
			t.Error(diff)
		}
	}
	owner, err := durable.OwnerOf(like)
	must(t, err)
	fsys := durable.FS{Owner: owner}
	made, file := filepath.Join(dir, "made"), filepath.Join(dir, "made", "file")
	must(t, fsys.Mkdir(made))
	must(t, fsys.WriteFile(file, []byte("x")))
	must(t, fsys.Chmod(made, 0o750))
	for path, mode := range map[string]fs.FileMode{made: 0o750, file: 0o600} {
		got, err := durable.OwnerOf(path)
		must(t, err)
		if diff := cmp.Diff(owner, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	must(t, fsys.Give(made)) // once more is nothing

	before, err := durable.OwnerOf(like)
	must(t, err)
	must(t, durable.FS{Owner: &durable.Owner{}}.Give(filepath.Join(dir, "link"))) // the link, not what it leads to
	after, err := durable.OwnerOf(like)
	must(t, err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
	// A file system that keeps no labels is no obstacle; sysfs and the like do, /proc does not.
	if owner, err := durable.OwnerOf("/proc/self"); err != nil || owner.Label != "" && !enforcing() {
		t.Errorf("/proc: %+v, %v", owner, err)
	}
}

func enforcing() bool {
	_, err := os.Stat("/sys/fs/selinux/enforce")
	return err == nil
}
