//go:build linux

package datadir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

func TestBeside(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "with space\tand \\#")
	for _, name := range []string{"etcd", "etcd-restored-20261126T120000Z-abc", "elsewhere/etcd", "plain/restored-1", "data/member"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"link": "elsewhere/etcd", "dangling": "nothing"} {
		if err := os.Symlink(filepath.Join(dir, to), filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for old, want := range map[string]string{
		"etcd":                               "etcd-restored-new",
		"etcd/":                              "etcd-restored-new",
		"etcd-restored-20261126T120000Z-abc": "etcd-restored-new",
		"gone":                               "gone-restored-new",
		"link":                               "elsewhere/etcd-restored-new",
		"plain/restored-1":                   "plain/restored-1-restored-new", // not in a mount point
		"nowhere/etcd":                       "",
		"dangling":                           "",
		"data/member/etcd":                   "", // in etcd's own
	} {
		path, inside, err := datadir.Beside(dir+"/"+old, "new")
		if want == "" {
			if !errors.Is(err, datadir.ErrNoPlace) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: %q, %v, want ErrNoPlace", old, path, err)
			}
			continue
		}
		if err != nil || path != filepath.Join(dir, want) || inside {
			t.Errorf("%s: got %s, inside: %v, %v, want %s", old, path, inside, err, want)
		}
	}
	for _, suffix := range []string{"", "a/b", "..", "a b", "-a"} {
		if path, _, err := datadir.Beside(filepath.Join(dir, "etcd"), suffix); !errors.Is(err, datadir.ErrNoPlace) {
			t.Errorf("suffix %q: %q, %v, want ErrNoPlace", suffix, path, err)
		}
	}
	for _, old := range []string{"etcd", "/", ""} {
		if path, _, err := datadir.Beside(old, "new"); !errors.Is(err, datadir.ErrNoPlace) {
			t.Errorf("%q: %q, %v, want ErrNoPlace", old, path, err)
		}
	}
}

func TestBesideMountPoint(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIP mount point: needs root to mount")
	}
	for name, mount := range map[string]func(dir string) error{
		"a file system": func(dir string) error { return unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m") },
		"a bind mount": func(dir string) error { // the device is that of the parent
			source := filepath.Join(filepath.Dir(dir), "source")
			return errors.Join(os.Mkdir(source, 0o700), unix.Mount(source, dir, "", unix.MS_BIND, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := filepath.Join(t.TempDir(), "with space\tand \\#")
			mounted := filepath.Join(top, "etcd")
			link := filepath.Join(top, "link")
			for _, err := range []error{os.MkdirAll(mounted, 0o700), os.Symlink(mounted, link), mount(mounted)} {
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Cleanup(func() {
				if err := unix.Unmount(mounted, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			for _, sub := range []string{"restored-1", "member", "data"} {
				if err := os.Mkdir(filepath.Join(mounted, sub), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for _, tc := range []struct {
				old, want string
				inside    bool
			}{
				{mounted, "restored-new", true},
				{link, "restored-new", true},
				{filepath.Join(mounted, "restored-1"), "restored-new", true},
				{filepath.Join(mounted, "restored-gone"), "restored-new", true},
				{filepath.Join(mounted, "data"), "data-restored-new", false},
			} {
				path, inside, err := datadir.Beside(tc.old, "new")
				if err != nil || path != filepath.Join(mounted, tc.want) || inside != tc.inside {
					t.Errorf("%s: got %s, inside: %v, %v", tc.old, path, inside, err)
				}
			}
		})
	}
	t.Run("of etcd's own", func(t *testing.T) {
		t.Parallel()
		member := filepath.Join(t.TempDir(), "member")
		for _, err := range []error{os.Mkdir(member, 0o700), unix.Mount("tmpfs", member, "tmpfs", 0, "size=1m")} {
			if err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() {
			if err := unix.Unmount(member, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		if path, _, err := datadir.Beside(member, "new"); !errors.Is(err, datadir.ErrNoPlace) {
			t.Errorf("got %q, %v, want ErrNoPlace", path, err)
		}
	})
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{
		"/var/lib/etcd":                 "/var/lib/etcd",
		"/var/lib/etcd/":                "/var/lib/etcd",
		"/var/lib/etcd-restored-x":      "/var/lib/etcd",
		"/var/lib/etcd/restored-x":      "/var/lib/etcd",
		"/srv/etcd-restored-x/data":     "/srv/etcd/data",
		"/srv/etcd/restored-x/data":     "/srv/etcd/data",
		"/var/lib/etcd-2":               "/var/lib/etcd-2",
		"/restored-x":                   "/restored-x",
		"/":                             "/",
		"/var/lib/etcd-restored-x-y.z":  "/var/lib/etcd",
		"/var/lib/etcd-restored-":       "/var/lib/etcd-restored-",
		"/var/lib/other-restored-x/etc": "/var/lib/other/etc",
	} {
		if got := datadir.Origin(dir); got != want {
			t.Errorf("%s: got %s, want %s", dir, got, want)
		}
	}
}
