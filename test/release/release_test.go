//go:build release

package release

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// version is that of the release that is made here.
const version = "0.0.1"

// A release is made once, and what is asked of it is asked below.
func TestRelease(t *testing.T) {
	first, second := release(t), release(t)
	t.Run("Names", func(t *testing.T) { requireNames(t, first) })
	t.Run("Reproducible", func(t *testing.T) { requireSame(t, first, second) })
	t.Run("Checksums", func(t *testing.T) { run(t, first, nil, "sha256sum", "--check", "--strict", "SHA256SUMS") })
	t.Run("Archives", func(t *testing.T) { requireArchives(t, first) })
	t.Run("KrewManifest", func(t *testing.T) { requireManifest(t, first) })
	t.Run("KrewInstall", func(t *testing.T) { installWithKrew(t, first) })
	t.Run("Deb", func(t *testing.T) { installWithDpkg(t, first) })
}

// release makes one out of a clone of its own, and returns goreleaser's dist.
func release(t *testing.T) string {
	t.Helper()
	clone := t.TempDir()
	run(t, clone, nil, "git", "clone", "--quiet", "--no-tags", top(t), ".")
	run(t, clone, nil, "git", "tag", "v"+version)
	run(t, clone, nil, "goreleaser", "check")
	run(t, clone, nil, "goreleaser", "release", "--clean", "--skip=announce,docker,publish,sbom,sign")
	return filepath.Join(clone, "dist")
}

// top is the folder of the repository.
func top(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(run(t, ".", nil, "git", "rev-parse", "--show-toplevel"))
}

// requireNames wants every file that a release has, and no other.
func requireNames(t *testing.T, dist string) {
	want := []string{"SHA256SUMS"}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, system := range []string{"linux", "darwin"} {
			want = append(want, archive("kubectl-etcd_restore", system, arch), archive("etcdctl-snapshot-x", system, arch))
		}
		for _, name := range []string{"kubectl-etcd-restore", "etcdctl-snapshot-x"} {
			machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
			want = append(want, deb(name, arch), name+"-"+version+"-1."+machine+".rpm")
		}
	}
	slices.Sort(want)
	if got := published(t, dist); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func archive(name, system, arch string) string {
	return name + "_" + version + "_" + system + "_" + arch + ".tar.gz"
}

func deb(name, arch string) string { return name + "_" + version + "_" + arch + ".deb" }

// published are the files that are uploaded: those at the top, without what goreleaser
// notes for itself.
func published(t *testing.T, dist string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dist)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && ext != ".json" && ext != ".yaml" {
			names = append(names, e.Name())
		}
	}
	return names
}

// requireSame wants the same bytes of two releases that were made at different places and
// times.
func requireSame(t *testing.T, first, second string) {
	for _, name := range append(published(t, first), "krew/etcd-restore.yaml") {
		if !bytes.Equal(read(t, first, name), read(t, second, name)) {
			t.Errorf("%s differs", name)
		}
	}
}

func read(t *testing.T, elem ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// requireVersion wants the tag of the release in what a program says of itself.
func requireVersion(t *testing.T, said string) {
	t.Helper()
	if !strings.Contains(said, "v"+version+" (") || !strings.Contains(said, runtime.GOARCH) {
		t.Errorf("it says %q", said)
	}
}

// run runs a program in dir, with env in addition, and returns what it prints.
func run(t *testing.T, dir string, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.WaitDelay = 10 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, &stdout, &stderr)
	}
	return stdout.String()
}
