package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// release is a version of Kubernetes with its programs, built.
type release struct {
	version string // v1.37.2
	kubeadm string
	joined  string // see the program of that name
}

// build builds the programs into the cache: they are linked anew only if they have
// changed. What its version is, a program of Kubernetes only knows from who links it.
func build(ctx context.Context, root, module string) (*release, error) {
	module = filepath.Join(root, filepath.FromSlash(module))
	joined := filepath.Join(root, "test", "kubeadm", "joined", "joined.go")
	out, err := run(ctx, module, nil, "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return nil, err
	}
	version := strings.TrimSpace(string(out))
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cmp.Or(os.Getenv("ETCD_RESTORE_CACHE"), filepath.Join(cache, "etcd-restore")), "kubeadm", version)
	minor, _, _ := strings.Cut(strings.TrimPrefix(version, "v1."), ".")
	const linked = "k8s.io/component-base/version"
	flags := fmt.Sprintf("-s -w -X %[1]s.gitVersion=%[2]s -X %[1]s.gitMajor=1 -X %[1]s.gitMinor=%[3]s -X %[1]s.gitTreeState=clean", linked, version, minor)
	for _, program := range []string{"k8s.io/kubernetes/cmd/kubeadm", joined} {
		if _, err := run(ctx, module, []string{"CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off"}, "go", "build", "-trimpath", "-ldflags", flags, "-o", dir+"/", program); err != nil {
			return nil, err
		}
	}
	return &release{version, filepath.Join(dir, "kubeadm"), filepath.Join(dir, "joined")}, nil
}

// run runs a program in a folder and returns what it prints. What it says of errors is
// in the error.
func run(ctx context.Context, dir string, env []string, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	cmd.WaitDelay = time.Second
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, said.String())
	}
	return out, nil
}
