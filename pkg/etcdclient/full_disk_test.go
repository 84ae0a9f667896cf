package etcdclient_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
)

// The space is there when the snapshot begins, and gone before it is all here.
func TestDiskFillsUpInTheMiddle(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP full disk: needs root to mount a tmpfs")
	}
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("SKIP full disk: mount: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	neighbour := filepath.Join(dir, "neighbour")
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error {
		all := messages(database())
		if err := sendAll(s, all[:1]); err != nil {
			return err
		}
		for !begun(filepath.Join(dir, "*.part")) { // the space has been checked by then
			select {
			case <-s.Context().Done():
				return s.Context().Err()
			case <-time.After(time.Millisecond):
			}
		}
		if err := os.WriteFile(neighbour, make([]byte, 1500<<10), 0o600); err != nil {
			return err
		}
		return sendAll(s, all[1:])
	})

	_, err := client.Save(t.Context(), endpoint, filepath.Join(dir, "s.db"), etcdclient.SaveOptions{})

	check(t, err, newfile.ErrNoSpace, "no space left on device")
	if left := names(t, dir); len(left) != 1 || left[0] != "neighbour" {
		t.Errorf("left behind: %q", left)
	}
}

// begun tells whether something was written to the one file of the pattern.
func begun(pattern string) bool {
	parts, err := filepath.Glob(pattern)
	if err != nil || len(parts) != 1 {
		return false
	}
	info, err := os.Stat(parts[0])
	return err == nil && info.Size() > 0
}
