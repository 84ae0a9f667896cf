package preflight_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

func TestTargetAvailable(t *testing.T) {
	t.Parallel()
	cases := map[string]wrong{
		"an empty directory": {change: func(t *testing.T, w *world) { w.mkdir(t, w.request.DataDir) }, want: fails("etcd-restored-x exists")},
		"a file":             {change: func(t *testing.T, w *world) { w.write(t, w.request.DataDir, "x") }, want: fails("etcd-restored-x exists"), also: []string{"SameFilesystem", "FreeSpace"}},
		"a link to nothing": {
			change: func(t *testing.T, w *world) { must(t, os.Symlink("nothing", w.node.Path(w.request.DataDir))) },
			want:   fails("etcd-restored-x exists"),
		},
		"a file above": {change: asked(func(r *preflight.Request) { r.DataDir = "/var/lib/kubelet/config.yaml/b" }), want: fails("not a directory"), also: []string{"SameFilesystem", "FreeSpace"}},
		"no directory": {change: asked(func(r *preflight.Request) { r.DataDir = "" }), want: skips("EtcdStorage"), also: []string{"SameFilesystem", "FreeSpace"}},
	}
	if os.Geteuid() == 0 {
		cases["read-only"] = wrong{
			change: func(t *testing.T, w *world) {
				mount(t, w, "/srv", w.node.Path("/root"), "", unix.MS_BIND)
				must(t, unix.Mount("", w.node.Path("/srv"), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
				w.request.DataDir = "/srv/etcd"
			},
			want: fails("mounted read-only"),
		}
	}
	try(t, "TargetAvailable", cases)
}

func TestSameFilesystem(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIP file systems: needs root to mount them")
	}
	try(t, "SameFilesystem", map[string]wrong{
		"another": {
			change: func(t *testing.T, w *world) {
				mount(t, w, "/mnt", "tmpfs", "tmpfs", 0)
				w.request.DataDir = "/mnt/etcd-restored-x"
			},
			want: fails("would not be on the file system of"),
		},
		"a disk below the directory": {
			change: func(t *testing.T, w *world) {
				must(t, os.Rename(w.node.Path("/var/lib/etcd"), w.node.Path("/var/lib/old")))
				mount(t, w, "/var/lib/etcd/member", "tmpfs", "tmpfs", 0)
				must(t, os.CopyFS(w.node.Path("/var/lib/etcd"), os.DirFS(w.node.Path("/var/lib/old"))))
			},
			want: fails("would not be on the file system of"),
		},
		"inside a mount point": {change: func(t *testing.T, w *world) {
			must(t, os.Rename(w.node.Path("/var/lib/etcd"), w.node.Path("/var/lib/old")))
			mount(t, w, "/var/lib/etcd", "tmpfs", "tmpfs", 0)
			must(t, os.CopyFS(w.node.Path("/var/lib/etcd"), os.DirFS(w.node.Path("/var/lib/old"))))
			w.request.DataDir = "/var/lib/etcd/restored-x"
		}},
		"the same, mounted twice": {change: func(t *testing.T, w *world) {
			mount(t, w, "/mnt", w.node.Path("/var/lib"), "", unix.MS_BIND)
			w.request.DataDir = "/mnt/etcd-restored-x"
		}},
		"the same, mounted twice, to be exchanged": {
			change: func(t *testing.T, w *world) {
				mount(t, w, "/mnt", w.node.Path("/var/lib"), "", unix.MS_BIND)
				w.request.DataDir, w.request.Swap = "/mnt/etcd-restored-x", true
			},
			want: fails("on different mounts"),
		},
	})
}

func TestFreeSpace(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("SKIP free space: needs root to mount a small file system")
	}
	small := func(size string, then func(*testing.T, *world)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			w.mkdir(t, "/mnt")
			must(t, unix.Mount("tmpfs", w.node.Path("/mnt"), "tmpfs", 0, "size="+size))
			t.Cleanup(func() { must(t, unix.Unmount(w.node.Path("/mnt"), unix.MNT_DETACH)) })
			then(t, w)
		}
	}
	here := func(_ *testing.T, w *world) { w.request.DataDir = "/mnt/etcd-restored-x" }
	also := []string{"SameFilesystem"}
	try(t, "FreeSpace", map[string]wrong{
		"room for the margin alone": {change: small("256m", here), want: fails("256 MiB free, the restore needs 25"), also: also},
		"room for both":             {change: small("260m", here), also: also},
		"compressed": {
			change: small("256m", func(t *testing.T, w *world) {
				here(t, w)
				compress(t, w.snapshot)
			}),
			want: fails("not enough free space"), also: also,
		},
	})
}

// Where blocks are shared, the copy takes none; but a compressed snapshot is another
// file than the database.
func TestFreeSpaceWithSharedBlocks(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mkfs.xfs"); err != nil || os.Geteuid() != 0 {
		t.Skip("SKIP shared blocks: needs root and mkfs.xfs")
	}
	on := func(then func(*testing.T, *world)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			image, dir := w.node.Path("/image"), w.node.Path("/mnt")
			w.mkdir(t, "/mnt")
			must(t, os.WriteFile(image, nil, 0o600))
			must(t, os.Truncate(image, 400<<20))
			run(t, "mkfs.xfs", "-q", "-m", "reflink=1", image)
			run(t, "mount", "-o", "loop", image, dir)
			t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
			must(t, fixture.Write(w.snapshot, fixture.Options{Keys: 60, Bytes: 8 << 20, UID: uid}))
			then(t, w)
			text, err := os.ReadFile(w.snapshot) // nothing is deleted there, which would give space back later
			must(t, err)
			w.snapshot = w.node.Path("/mnt/snapshot.db")
			must(t, os.WriteFile(w.snapshot, text, 0o600))
			w.request.Snapshot.Path, w.request.DataDir = w.snapshot, "/mnt/etcd-restored-x"
			leave(t, dir, 256<<20+4<<20)
		}
	}
	also := []string{"SameFilesystem"}
	try(t, "FreeSpace", map[string]wrong{
		"shared": {change: on(func(*testing.T, *world) {}), also: also},
		"compressed": {
			change: on(func(t *testing.T, w *world) { compress(t, w.snapshot) }),
			want:   fails("not enough free space"), also: also,
		},
	})
}

// leave fills a file system until so much is free.
func leave(t *testing.T, dir string, free int64) {
	t.Helper()
	now, _, err := durable.Space(dir)
	must(t, err)
	f, err := os.Create(filepath.Join(dir, "filler"))
	must(t, err)
	defer f.Close()
	must(t, unix.Fallocate(int(f.Fd()), 0, 0, now-free))
}

func compress(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	encoder, err := zstd.NewWriter(nil)
	must(t, err)
	must(t, os.WriteFile(path, encoder.EncodeAll(text, nil), 0o600))
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}
