package snapshotx_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// loopMount mounts a new file system of the given kind and size, in MiB.
func loopMount(t *testing.T, kind string, size int64) string {
	t.Helper()
	needsRoot(t, kind+" on a loop device")
	mkfs, err := exec.LookPath("mkfs." + kind)
	if err != nil {
		t.Skipf("SKIP %s on a loop device: mkfs.%s is not installed", kind, kind)
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, size<<20)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), mkfs, "-q", image).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.%s: %v\n%s", kind, err, out)
	}
	if out, err := exec.CommandContext(t.Context(), "mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Skipf("SKIP %s on a loop device: mount: %s", kind, bytes.TrimSpace(out))
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

func available(t *testing.T, dir string) int64 {
	t.Helper()
	syncFS(t, dir)
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// syncFS makes the file system settle what it has put off.
func syncFS(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		t.Fatal(err)
	}
}

// leave fills dir until so many bytes are free.
func leave(t *testing.T, dir string, free int64) {
	t.Helper()
	ballast := filepath.Join(dir, "ballast")
	if err := os.RemoveAll(ballast); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	end, step := int64(0), int64(64<<20)
	for step >= 16<<10 {
		n := min(step, available(t, dir)-free)
		if n < 16<<10 {
			return
		}
		// What is free is not always in one piece.
		if err := unix.Fallocate(int(f.Fd()), 0, end, n); errors.Is(err, unix.ENOSPC) {
			step /= 2
		} else if err != nil {
			t.Fatal(err)
		} else {
			end += n
		}
	}
}

// Invariant I2 on a full disk, wherever it becomes full: the restore is refused,
// the target is as before, nothing is left behind, the snapshot is untouched. A
// file can be seen to be too large at once; a stream runs into it.
func TestRestoreWithoutSpace(t *testing.T) {
	t.Parallel()
	file := fixtureFile(t, fixture.Options{Keys: 500, Bytes: 6 << 20})
	whole := read(t, file)
	untouched(t, file)
	size := int64(len(whole))
	for kind, megabytes := range map[string]int64{"ext4": 64, "xfs": 300} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := loopMount(t, kind, megabytes)
			mkdirAll(t, filepath.Join(dir, "empty"))
			before := []string{"ballast", "empty"}
			if kind == "ext4" {
				before = append(before, "lost+found")
			}
			refusals := 0
			for _, free := range []int64{0, 64 << 10, size / 4, size / 2, size - 256<<10, size - 64<<10, size, size + 16<<10, size + 64<<10, size + 4<<20} {
				leave(t, dir, free)
				for name, args := range map[string][]string{
					"file":     {file, "--data-dir", dir + "/m"},
					"existing": {"-", "--data-dir", dir + "/empty"},
					"stream":   {"-", "--data-dir", dir + "/m", "--wal-dir", dir + "/w"},
					"compact":  {file, "--data-dir", dir + "/m", "--compact"},
					"all":      {"-", "--all-members", "--output-dir", dir + "/new", "--initial-cluster", initialCluster3},
				} {
					got := runStdin(t.Context(), whole, append([]string{"restore"}, args...)...)
					if got.code == 0 { // enough for this one
						for _, made := range []string{"m", "w", "new", "empty/member"} {
							if err := os.RemoveAll(filepath.Join(dir, made)); err != nil {
								t.Fatal(err)
							}
						}
						continue
					}
					refusals++
					refused(t, got, 6, "not enough free space")
					holds(t, dir, before...)
					holds(t, filepath.Join(dir, "empty"))
					if t.Failed() {
						t.Fatalf("%s with %d bytes free", name, free)
					}
				}
			}
			if refusals < 25 || refusals == 50 {
				t.Errorf("%d of 50 restores were refused: the sizes are wrong", refusals)
			}
		})
	}
}

// On a file system that shares blocks, three members take the room of one, and
// are the same as elsewhere.
func TestRestoreSharesBlocks(t *testing.T) {
	t.Parallel()
	file := fixtureFile(t, fixture.Options{Keys: 2000, Bytes: 40 << 20})
	size := int64(len(read(t, file)))
	dir := loopMount(t, "xfs", 400)
	plain := t.TempDir()
	args := []string{
		"--all-members", "--initial-cluster", initialCluster3, "--initial-cluster-token", "t",
		"--bump-revision", "7", "--mark-compacted", "--output-dir",
	}
	restored(t, append([]string{file}, append(args, plain)...)...)

	inside := filepath.Join(dir, "snapshot.db")
	content(read(t, file)...)(t, inside)
	for name, tc := range map[string]struct {
		file string
		most int64
		args []string
	}{
		"snapshot elsewhere":     {file, size + 2<<20, nil},
		"snapshot beside":        {inside, 2 << 20, nil},
		"snapshot beside, again": {inside, 2 << 20, []string{"--skip-hash-check"}},
		"compact":                {inside, size, []string{"--compact"}},
	} {
		target := filepath.Join(dir, name)
		before := available(t, dir)
		plan := restored(t, append(append([]string{tc.file}, append(args, target)...), tc.args...)...)
		took := before - available(t, dir)
		t.Logf("%s: three members of %d MiB took %d MiB", name, size>>20, took>>20)
		if took > tc.most {
			t.Errorf("%s: three members took %d bytes, want at most %d", name, took, tc.most)
		}
		if len(plan.Space) != 1 || name != "compact" && plan.Space[0].Need > tc.most+4<<20 {
			t.Errorf("%s: planned space %+v", name, plan.Space)
		}
		var first []byte
		for _, m := range []string{"m1", "m2", "m3"} {
			db := read(t, filepath.Join(target, m+".etcd/member/snap/db"))
			if first == nil {
				first = db
			}
			want := first // a compacted one has no counterpart
			if name != "compact" {
				want = read(t, filepath.Join(plain, m+".etcd/member/snap/db"))
			}
			if !bytes.Equal(db, want) {
				t.Errorf("%s: the db of %s is another than where blocks are not shared", name, m)
			}
		}
	}
	if !bytes.Equal(read(t, inside), read(t, file)) {
		t.Error("the snapshot that lends its blocks has changed") // I1
	}
}

// Targets on other file systems, at the root of one, and on a read-only one.
func TestRestoreOnMounts(t *testing.T) {
	t.Parallel()
	needsRoot(t, "mounts")
	file := kubernetesSnapshot(t)
	untouched(t, file)
	tmpfs := func() string {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=16m"); err != nil {
			t.Skipf("SKIP mounts: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Errorf("unmount: %v", err)
			}
		})
		return dir
	}
	root, wal := tmpfs(), tmpfs()
	if err := os.Chown(root, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	mkdirAll(t, filepath.Join(root, "lost+found"))
	restored(t, file, "--data-dir", root, "--wal-dir", wal)
	holds(t, root, "lost+found", "member")
	holds(t, wal, firstSegment)
	for _, made := range []string{"member", "member/snap", "member/snap/db"} {
		var s unix.Stat_t
		if err := unix.Stat(filepath.Join(root, made), &s); err != nil || s.Uid != 65534 || s.Gid != 65534 {
			t.Errorf("%s belongs to %d:%d (%v), not to the owner of the directory", made, s.Uid, s.Gid, err)
		}
	}
	refused(t, run(t, "restore", file, "--data-dir", root), 6, `holds "member"`)

	readOnly := tmpfs()
	mkdirAll(t, filepath.Join(readOnly, "empty"))
	if err := unix.Mount("", readOnly, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"m", "empty"} {
		refused(t, run(t, "restore", file, "--data-dir", filepath.Join(readOnly, target)), 1, "read-only file system")
	}
	holds(t, readOnly, "empty")
}
