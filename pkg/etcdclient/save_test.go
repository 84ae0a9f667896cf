package etcdclient_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
)

// names lists a directory, so that a test can say that nothing was left there.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func goodServer(t *testing.T) (*etcdclient.Client, string, []byte) {
	t.Helper()
	db := database()
	client, endpoint := startFake(t, func(s pb.Maintenance_SnapshotServer) error { return sendAll(s, messages(db)) })
	return client, endpoint, db
}

func TestSave(t *testing.T) {
	t.Parallel()
	client, endpoint, db := goodServer(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "a snapshot with spaces*.db")
	var inspected string
	saved, err := client.Save(t.Context(), endpoint, path, etcdclient.SaveOptions{
		Inspect: func(_ context.Context, file string) error {
			inspected = file
			info, err := os.Stat(file)
			if err == nil && info.Size() != int64(len(db)+32) {
				err = errors.New("not whole yet")
			}
			return err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); len(got) != 1 || inspected == path {
		t.Errorf("inspected %s, left %q", inspected, got)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 || info.Size() != saved.Size {
		t.Errorf("mode %s, %d bytes, want 0600 and %d", info.Mode(), info.Size(), saved.Size)
	}
	content, err := os.ReadFile(path)
	if err != nil || !bytes.HasPrefix(content, db) {
		t.Errorf("not the database: %v", err)
	}
}

func TestSaveRefusesToReplace(t *testing.T) {
	t.Parallel()
	client, endpoint, _ := goodServer(t)
	path := filepath.Join(t.TempDir(), "s.db")
	save := func(opts etcdclient.SaveOptions) error {
		_, err := client.Save(t.Context(), endpoint, path, opts)
		return err
	}
	old := []byte("yesterday's only backup")
	if err := os.WriteFile(path, old, 0o640); err != nil {
		t.Fatal(err)
	}

	if err := save(etcdclient.SaveOptions{}); !errors.Is(err, newfile.ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, old) {
		t.Errorf("the old file is %q now (%v)", got, err)
	}

	if err := save(etcdclient.SaveOptions{Force: true}); err != nil {
		t.Errorf("with Force: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() < 1<<20 {
		t.Errorf("not replaced: %v, %v", info, err)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

// A file that appears while the snapshot is under way is as safe as one that
// was there before.
func TestSaveDoesNotReplaceALatecomer(t *testing.T) {
	t.Parallel()
	client, endpoint, _ := goodServer(t)
	path := filepath.Join(t.TempDir(), "s.db")
	_, err := client.Save(t.Context(), endpoint, path, etcdclient.SaveOptions{
		Inspect: func(context.Context, string) error { return os.WriteFile(path, []byte("latecomer"), 0o600) },
	})
	if !errors.Is(err, newfile.ErrExists) {
		t.Errorf("got %v, want ErrExists", err)
	}
	if got, err := os.ReadFile(path); string(got) != "latecomer" {
		t.Errorf("the other file is %q now (%v)", got, err)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}

func TestSaveToImpossiblePlaces(t *testing.T) {
	t.Parallel()
	client, endpoint, _ := goodServer(t)
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, dir string) (path string)
		want    error
	}{
		"a directory": {func(_ *testing.T, dir string) string { return dir }, newfile.ErrTarget},
		"a symbolic link": {func(t *testing.T, dir string) string {
			return symlink(t, filepath.Join(dir, "old.db"), filepath.Join(dir, "link"))
		}, newfile.ErrTarget},
		"a missing parent": {func(_ *testing.T, dir string) string { return filepath.Join(dir, "no", "s.db") }, newfile.ErrTarget},
		"a file as parent": {func(_ *testing.T, dir string) string { return filepath.Join(dir, "old.db", "s.db") }, newfile.ErrTarget},
		"a name too long": {func(_ *testing.T, dir string) string {
			return filepath.Join(dir, string(bytes.Repeat([]byte("x"), 250)))
		}, nil},
		"a device":   {func(*testing.T, string) string { return "/dev/null" }, newfile.ErrTarget},
		"an FD path": {func(*testing.T, string) string { return "/dev/stdout" }, newfile.ErrTarget},
		"a read-only file system": {func(t *testing.T, _ string) string {
			if _, err := os.Stat("/proc/sys/kernel"); err != nil {
				t.Skip("SKIP no /proc")
			}
			return "/proc/sys/kernel/s.db"
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "old.db"), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			path := tc.prepare(t, dir)
			before := names(t, dir)
			for _, force := range []bool{false, true} {
				_, err := client.Save(t.Context(), endpoint, path, etcdclient.SaveOptions{Force: force})
				if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
					t.Errorf("force=%t: got %v, want %v", force, err, tc.want)
				}
			}
			if after := names(t, dir); len(after) != len(before) {
				t.Errorf("left behind: %q", after)
			}
			if old, err := os.ReadFile(filepath.Join(dir, "old.db")); string(old) != "old" {
				t.Errorf("the neighbour is %q now (%v)", old, err)
			}
		})
	}
}

func symlink(t *testing.T, target, link string) string {
	t.Helper()
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// Whatever goes wrong on the way, nothing is left.
func TestFailedSaveLeavesNothing(t *testing.T) {
	t.Parallel()
	bad := errors.New("not restorable")
	for name, tc := range map[string]struct {
		send    func(pb.Maintenance_SnapshotServer) error
		inspect error
		want    error
	}{
		"wrong digest": {func(s pb.Maintenance_SnapshotServer) error {
			all := messages(database())
			all[0].Blob[0] ^= 1
			return sendAll(s, all)
		}, nil, etcdclient.ErrDigest},
		"server error": {func(pb.Maintenance_SnapshotServer) error { return errors.New("boom") }, nil, nil},
		"failed inspection": {func(s pb.Maintenance_SnapshotServer) error {
			return sendAll(s, messages(database()))
		}, bad, bad},
		"no room for what is announced": {func(s pb.Maintenance_SnapshotServer) error {
			return s.Send(&pb.SnapshotResponse{Blob: make([]byte, 4096), RemainingBytes: 1 << 60})
		}, nil, newfile.ErrNoSpace},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, endpoint := startFake(t, tc.send)
			dir := t.TempDir()
			_, err := client.Save(t.Context(), endpoint, filepath.Join(dir, "s.db"), etcdclient.SaveOptions{
				Inspect: func(context.Context, string) error { return tc.inspect },
			})
			if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if left := names(t, dir); len(left) != 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestInterruptedSaveLeavesNothing(t *testing.T) {
	t.Parallel()
	client, endpoint, _ := goodServer(t)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Save(ctx, endpoint, filepath.Join(dir, "s.db"), etcdclient.SaveOptions{
		Inspect: func(context.Context, string) error { cancel(); return nil }, // at the last moment
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if left := names(t, dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestTwoSavesToOneName(t *testing.T) {
	t.Parallel()
	client, endpoint, db := goodServer(t)
	path := filepath.Join(t.TempDir(), "s.db")
	bothInspect := make(chan struct{})
	arrived := make(chan struct{}, 2)
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := client.Save(t.Context(), endpoint, path, etcdclient.SaveOptions{
				Inspect: func(context.Context, string) error {
					arrived <- struct{}{}
					<-bothInspect
					return nil
				},
			})
			results <- err
		}()
	}
	<-arrived
	<-arrived
	close(bothInspect)
	first, second := <-results, <-results
	if (first == nil) == (second == nil) || !errors.Is(errors.Join(first, second), newfile.ErrExists) {
		t.Errorf("got %v and %v, want one success and one ErrExists", first, second)
	}
	if content, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(content, db) {
		t.Errorf("not the database: %v", err)
	}
	if left := names(t, filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %q", left)
	}
}
