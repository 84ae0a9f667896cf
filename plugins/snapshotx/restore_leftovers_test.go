package snapshotx_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What lies beside the target under the name of a part is removed only if it is
// one: made of what a restore makes, and a directory. Nothing else can stop it.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	file := kubernetesSnapshot(t)
	for name, tc := range map[string]struct {
		make  func(*testing.T, string)
		stays bool
	}{
		"killed":       {func(t *testing.T, p string) { mkdirAll(t, p+"/member/snap") }, false},
		"just begun":   {func(t *testing.T, p string) { mkdirAll(t, p) }, false},
		"somebody's":   {func(t *testing.T, p string) { mkdirAll(t, p+"/photos") }, true},
		"FIFO":         {fifo, true},
		"file":         {func(t *testing.T, p string) { write(t, p) }, true},
		"link":         {func(t *testing.T, p string) { link(t, t.TempDir(), p) }, true},
		"dangling":     {func(t *testing.T, p string) { link(t, "/nowhere", p) }, true},
		"locked by us": {lockedDir, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			const part = "m.part-0123456789abcdef"
			tc.make(t, filepath.Join(dir, part))
			restored(t, file, "--data-dir", filepath.Join(dir, "m"))
			if tc.stays {
				holds(t, dir, "m", part)
			} else {
				holds(t, dir, "m")
			}
		})
	}
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// lockedDir is the part of a restore that still runs.
func lockedDir(t *testing.T, path string) {
	t.Helper()
	mkdirAll(t, path)
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
}
