package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Version is a minor version of etcd.
type Version string

// The minor versions this project supports.
const (
	V34 Version = "3.4"
	V35 Version = "3.5"
	V36 Version = "3.6"
	V37 Version = "3.7"
)

// Servers lists every supported version, oldest first. A test that ranges over
// it is skipped, by name, for a version this machine cannot provide.
func Servers() []Version { return []Version{V34, V35, V36, V37} }

// Binary returns the path of etcd, etcdctl or etcdutl of version v, building
// it first if it is not in the cache yet.
func Binary(t T, v Version, name string) string {
	t.Helper()
	if v == V34 {
		return debianBinary(t, name)
	}
	dir, err := Build(t.Context(), v)
	if err != nil {
		t.Fatalf("build etcd %s: %v", v, err)
	}
	return filepath.Join(dir, name)
}

// debianBinary finds the etcd 3.4 of the distribution: its module cannot be
// built outside etcd's own tree.
func debianBinary(t T, name string) string {
	t.Helper()
	var version, pkg string
	switch name {
	case "etcd":
		version, pkg = "--version", "etcd-server"
	case "etcdctl":
		version, pkg = "version", "etcd-client"
	default:
		t.Fatalf("etcd 3.4 has no %s", name)
	}
	path := filepath.Join("/usr/bin", name)
	out, err := exec.CommandContext(t.Context(), path, version).Output()
	if err != nil || !strings.Contains(strings.ToLower(string(out)), "version: 3.4.") {
		t.Skipf("SKIP etcd 3.4: not installed (apt-get install %s)", pkg)
	}
	return path
}

// Build makes sure that the cache holds the binaries of version v and returns
// their directory, named after the full version. Processes that ask at the
// same time wait for the first; what stands at the final name is complete.
func Build(ctx context.Context, v Version) (dir string, err error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return "", err
	}
	module := filepath.Join(root, "test", "servers", "v"+string(v))
	full, err := pinned(module)
	if err != nil {
		return "", err
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, full)
	if exists(dir) {
		return dir, nil
	}
	unlock, err := lock(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer func() { _ = unlock() }()
	if exists(dir) { // another process built it while this one waited
		return dir, nil
	}
	partial := dir + ".part"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	if err := compile(ctx, module, partial); err != nil {
		return "", err
	}
	return dir, os.Rename(partial, dir)
}

// compile builds the three programs of a module of test/servers into dir.
func compile(ctx context.Context, module, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", dir+"/", "tool")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s in %s: %w\n%s", cmd, module, err, out)
	}
	return os.Rename(filepath.Join(dir, "server"), filepath.Join(dir, "etcd"))
}

// moduleRoot is the directory of this project. Tests run in the directory of
// their package and the demo anywhere below the root.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	gomod := strings.TrimSpace(string(out))
	if gomod == os.DevNull {
		return "", errors.New("run it inside the repository: the etcd versions are pinned in test/servers")
	}
	return filepath.Dir(gomod), nil
}

// pinned reads the server's version from a go.mod of test/servers. They are
// tidy, so the required version is the one that is built.
func pinned(module string) (string, error) {
	gomod, err := os.ReadFile(filepath.Join(module, "go.mod"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(gomod)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "go.etcd.io/etcd/server/v3" && f[1] != "//" {
			return f[1], nil
		}
	}
	return "", fmt.Errorf("%s/go.mod does not require go.etcd.io/etcd/server/v3", module)
}

// cacheDir is where binaries are kept between runs, outside the repository.
func cacheDir() (string, error) {
	if dir := os.Getenv("ETCD_RESTORE_CACHE"); dir != "" {
		return filepath.Join(dir, "etcd"), nil
	}
	dir, err := os.UserCacheDir()
	return filepath.Join(dir, "etcd-restore", "etcd"), err
}

// lock takes an exclusive lock that ends with the process, however it ends.
func lock(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
