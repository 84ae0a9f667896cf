//go:build e2e

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// programs are what the nodes get: name on PATH and file.
func programs() map[string]string {
	built := os.Getenv(builtVariable)
	return map[string]string{
		plugin:     cmp.Or(os.Getenv("E2E_PLUGIN"), filepath.Join(built, plugin)),
		lab.Stopat: filepath.Join(built, lab.Stopat),
	}
}

const (
	plugin        = "kubectl-etcd_restore"
	builtVariable = "E2E_BUILT" // the folder of the programs, while the tests run
)

// TestMain builds the programs once.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "etcd-restore-e2e-bin-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err == nil {
		err = os.Setenv(builtVariable, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build makes static programs: a node has no more than its kernel for them.
func build(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	packages := []string{"./" + lab.Stopat}
	if os.Getenv("E2E_PLUGIN") == "" {
		packages = append(packages, "../../cmd/"+plugin)
	}
	for _, from := range packages {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+"/", from)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", from, err, out)
		}
	}
	return nil
}
