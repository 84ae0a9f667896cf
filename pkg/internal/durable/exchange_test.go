//go:build linux

package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

func TestExchange(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		a, b string
		want []string // boundaries
	}{
		"in one directory": {"old", "new", []string{"exchange new", "fsync ."}},
		"in two":           {"old", "there/new", []string{"exchange there/new", "fsync there", "fsync ."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			a, b := filepath.Join(dir, tc.a), filepath.Join(dir, tc.b)
			for _, path := range []string{a, b} {
				must(t, os.MkdirAll(path, 0o700))
				must(t, os.WriteFile(filepath.Join(path, "was"), []byte(path), 0o600))
			}
			var met []string
			fsys := durable.FS{Boundary: func(op, path string) {
				rel, err := filepath.Rel(dir, path)
				must(t, err)
				met = append(met, op+" "+rel)
			}}
			must(t, fsys.Exchange(a, b))
			if diff := cmp.Diff(tc.want, met); diff != "" {
				t.Error(diff)
			}
			for path, was := range map[string]string{a: b, b: a} {
				if got, err := os.ReadFile(filepath.Join(path, "was")); err != nil || string(got) != was {
					t.Errorf("at %s stands what was at %s, %v", path, got, err)
				}
			}
		})
	}
}

func TestExchangeRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "a/inside"} {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
	}
	shm, err := os.MkdirTemp("/dev/shm", "etcd-restore-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(shm)) })
	for name, tc := range map[string]struct {
		a, b string
		want error
	}{
		"nothing there":             {filepath.Join(dir, "a"), filepath.Join(dir, "nothing"), fs.ErrNotExist},
		"one inside the other":      {filepath.Join(dir, "a"), filepath.Join(dir, "a/inside"), durable.ErrNoExchange},
		"two file systems":          {filepath.Join(dir, "a"), shm, durable.ErrNoExchange},
		"a file system without it":  {"/sys/kernel/mm", "/sys/kernel/notes", durable.ErrNoExchange},
		"a mount point and another": {"/proc", filepath.Join(dir, "a"), durable.ErrNoExchange},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.a == "/sys/kernel/mm" && os.Geteuid() != 0 {
				t.Skip("SKIP no exchange: needs root to change names in sysfs")
			}
			err := durable.FS{}.Exchange(tc.a, tc.b)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if tc.want == durable.ErrNoExchange && !errors.As(err, new(interface{ Hint() string })) {
				t.Errorf("no hint: %v", err)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "a/inside")); err != nil {
		t.Error(err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
