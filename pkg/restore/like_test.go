package restore_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

const oldMode = 0o750

// oldDir makes a data directory that another user owns, as far as we may make one.
func oldDir(t *testing.T, path string) string {
	t.Helper()
	mkdir(t, path)
	mkdir(t, filepath.Join(path, "member"))
	if err := os.Chmod(path, oldMode); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(path, 1234, 4321); err != nil {
			t.Fatal(err)
		}
		if err := unix.Lsetxattr(path, "security.selinux", []byte("system_u:object_r:etcd_test_t:s0\x00"), 0); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// checkLike fails unless all of a target has the owner and the label of what it is
// to resemble, and its permissions at the top; and that is untouched.
func checkLike(t *testing.T, target restore.Target) {
	t.Helper()
	if target.Like == "" {
		return
	}
	want, err := durable.OwnerOf(target.Like)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{target.DataDir, target.WALDir} {
		if root == "" {
			continue
		}
		count := 0
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			count++
			got, err := durable.OwnerOf(path)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("owner of %s: %s", path, diff)
			}
			info, err := d.Info()
			mode := fs.FileMode(0o600)
			switch {
			case path == target.DataDir:
				mode = oldMode
			case d.IsDir():
				mode = 0o700
			}
			if err == nil && info.Mode().Perm() != mode {
				t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), mode)
			}
			return err
		})
		if err != nil || count < 2 {
			t.Errorf("%d entries in %s, %v", count, root, err)
		}
	}
	info, err := os.Stat(target.Like)
	if err != nil || info.Mode().Perm() != oldMode {
		t.Errorf("the old directory: %v, %v", info, err)
	}
	entries, err := os.ReadDir(target.Like)
	if err != nil || len(entries) != 1 || entries[0].Name() != "member" {
		t.Errorf("the old directory holds %v, %v", entries, err)
	}
}

func TestLikeRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := oldDir(t, filepath.Join(dir, "old"))
	mkdir(t, filepath.Join(dir, "empty"))
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := membership.New("m1=http://127.0.0.1:1", token, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		target restore.Target
		want   error
		text   string
	}{
		"the target exists":     {restore.Target{DataDir: "empty", Like: old}, restore.ErrTarget, "empty"},
		"the log's exists":      {restore.Target{DataDir: "new", WALDir: "empty", Like: old}, restore.ErrTarget, "empty"},
		"like a file":           {restore.Target{DataDir: "new", Like: filepath.Join(dir, "file")}, restore.ErrConfig, "file"},
		"like nothing at all":   {restore.Target{DataDir: "new", Like: filepath.Join(dir, "nothing")}, fs.ErrNotExist, "nothing"},
		"the old one is target": {restore.Target{DataDir: "old", Like: old}, restore.ErrTarget, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.target.Member = "m1"
			tc.target.DataDir = filepath.Join(dir, tc.target.DataDir)
			if tc.target.WALDir != "" {
				tc.target.WALDir = filepath.Join(dir, tc.target.WALDir)
			}
			_, err := restore.Run(t.Context(), restore.Config{Path: tinySnapshot(t), Cluster: cluster, Targets: []restore.Target{tc.target}})
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, want %v about %s", err, tc.want, tc.text)
			}
			if _, err := os.Stat(filepath.Join(dir, "new")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("something was made: %v", err)
			}
		})
	}
}
