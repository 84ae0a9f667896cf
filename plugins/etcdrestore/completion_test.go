package etcdrestore_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// kubectl runs the script with the arguments so far, of which the last may be empty: the
// plugin is asked with the same.
func TestCompletionOfKubectl(t *testing.T) {
	t.Parallel()
	got := run(t, "completion", "kubectl")
	if got.code != 0 || got.err != "" {
		t.Fatalf("%+v", got)
	}
	bin := t.TempDir()
	script := filepath.Join(bin, "kubectl_complete-etcd_restore")
	if err := os.WriteFile(script, []byte(got.out), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/bin/echo", filepath.Join(bin, "kubectl")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", script, "node", "st", "")
	cmd.Env = []string{"PATH=" + bin}
	out, err := cmd.CombinedOutput()
	if want := "etcd-restore __complete node st \n"; err != nil || string(out) != want {
		t.Errorf("kubectl got %s, want %s: %v", out, want, err)
	}
}
