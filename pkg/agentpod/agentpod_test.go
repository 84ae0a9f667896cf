package agentpod_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/agentpod"
)

const manifest = `{"apiVersion":"v1","kind":"Pod","metadata":{"namespace":"kube-system","name":"etcd-restore-a-1",
"labels":{"app.kubernetes.io/name":"etcd-restore","app.kubernetes.io/instance":"a"}},"spec":{"containers":[{"name":"etcd-restore","image":"i"}]}}`

func place(t *testing.T) agentpod.Place {
	t.Helper()
	dir := t.TempDir()
	p := agentpod.Place{Manifests: filepath.Join(dir, "manifests"), Logs: filepath.Join(dir, "state", "log")}
	must(t, os.Mkdir(p.Manifests, 0o700))
	return p
}

// Without a kubelet nothing of ours stays in its folder.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	p := place(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Leave(ctx, "a", []byte(manifest)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	empty(t, p)
}

// One that was there before is of a run that goes on when the kubelet comes to it.
func TestNotTakenBack(t *testing.T) {
	t.Parallel()
	p := place(t)
	file := filepath.Join(p.Manifests, "etcd-restore-a.yaml")
	must(t, os.WriteFile(file, []byte(manifest), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Leave(ctx, "a", []byte(manifest)); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	must(t, os.Remove(file))
}

// A job that was done before anybody looked takes its manifest out, and that is no error.
func TestDoneAtOnce(t *testing.T) {
	t.Parallel()
	p := place(t)
	left := make(chan error, 1)
	go func() { left <- p.Leave(t.Context(), "a", []byte(manifest)) }()
	file := filepath.Join(p.Manifests, "etcd-restore-a.yaml")
	for text := []byte(nil); len(text) == 0; text, _ = os.ReadFile(file) {
		if t.Context().Err() != nil {
			t.Fatal("it was not put in place")
		}
	}
	must(t, os.Remove(file))
	must(t, <-left)
	empty(t, p)
}

func TestLeaveRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ job, text string }{
		"no name":         {"", manifest},
		"a path":          {"../a", manifest},
		"another job's":   {"b", manifest},
		"no manifest":     {"a", "hello"},
		"somebody else's": {"a", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := place(t)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := p.Leave(ctx, tc.job, []byte(tc.text)); !errors.Is(err, agentpod.ErrManifest) {
				t.Error(err)
			}
			empty(t, p)
		})
	}
}

// What is not ours stays, whatever its name.
func TestSweep(t *testing.T) {
	t.Parallel()
	p := place(t)
	for _, name := range []string{"etcd-restore-a.yaml", "etcd.yaml", "etcd-restore-B.yaml", "etcd-restore-.yaml", "etcd-restore-c.bak"} {
		must(t, os.WriteFile(filepath.Join(p.Manifests, name), []byte(manifest), 0o600))
	}
	must(t, os.WriteFile(filepath.Join(filepath.Dir(p.Manifests), ".etcd-restore-a.coming"), nil, 0o600))
	swept, err := p.Sweep()
	must(t, err)
	if diff := cmp.Diff([]string{"a"}, swept); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"etcd-restore-.yaml", "etcd-restore-B.yaml", "etcd-restore-c.bak", "etcd.yaml"}, names(t, p.Manifests)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"manifests", "state"}, names(t, filepath.Dir(p.Manifests))); diff != "" {
		t.Error(diff)
	}
}

func TestInstall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "arrived")
	must(t, os.WriteFile(program, []byte("program"), 0o700))
	h := sha256.Sum256([]byte("program"))
	sum := hex.EncodeToString(h[:])
	at := filepath.Join(dir, "state", "bin", sum, "program")
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	must(t, agentpod.Install(program, at, sum))
	must(t, agentpod.Install(at, at, sum)) // it is in its place
	must(t, os.WriteFile(at, []byte("damaged"), 0o700))
	if err := agentpod.Install(at, at, sum); !errors.Is(err, agentpod.ErrProgram) {
		t.Errorf("a damaged one: %v", err)
	}
	must(t, agentpod.Install(program, at, sum))
	if text, err := os.ReadFile(at); err != nil || string(text) != "program" {
		t.Errorf("%q, %v", text, err)
	}
	if err := agentpod.Install(program, filepath.Join(dir, "state", "bin", "other", "program"), "other"); !errors.Is(err, agentpod.ErrProgram) {
		t.Errorf("one that did not arrive whole: %v", err)
	}
	if left := names(t, filepath.Join(dir, "state", "bin", "other")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func empty(t *testing.T, p agentpod.Place) {
	t.Helper()
	if left := names(t, p.Manifests); len(left) != 0 {
		t.Errorf("in the folder of manifests: %v", left)
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
