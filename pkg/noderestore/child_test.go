package noderestore

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/storage/wal"
)

// childVariable holds the work of a child process, which is this test binary again.
const childVariable = "ETCD_RESTORE_TEST_STAGE"

// child stages a plan, and dies in it: a restore works in several goroutines.
type child struct {
	Plan   string
	KillAt int32  // the change at which it kills itself; 0 to live on
	Count  string // file for how many changes it met
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	wal.SegmentSizeBytes = 16 << 10 // crafted logs are small; set before anything runs in parallel
	os.Exit(m.Run())
}

func runChild(text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	encoded, err := os.ReadFile(c.Plan)
	if err != nil {
		return err
	}
	plan, err := Decode(encoded)
	if err != nil {
		return err
	}
	var met atomic.Int32
	m := bare(plan)
	m.FS.Boundary = func(string, string) {
		if met.Add(1) == c.KillAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // it takes a moment
		}
	}
	if err := m.stage(context.Background()); err != nil {
		return err
	}
	return os.WriteFile(c.Count, strconv.AppendInt(nil, int64(met.Load()), 10), 0o600)
}

// stageInChild stages in a process that dies at a change, and reports how many there
// were if it lived.
func stageInChild(t *testing.T, plan *Plan, killAt int) int {
	t.Helper()
	dir := t.TempDir()
	c := child{Plan: filepath.Join(dir, "plan.json"), Count: filepath.Join(dir, "count"), KillAt: int32(killAt)}
	text, err := plan.Encode()
	must(t, err)
	must(t, os.WriteFile(c.Plan, text, 0o600))
	job, err := json.Marshal(c)
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(job))
	out, err := cmd.CombinedOutput()
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case err == nil:
		count, err := os.ReadFile(c.Count)
		must(t, err)
		n, err := strconv.Atoi(string(count))
		must(t, err)
		return n
	case !status.Signaled() || status.Signal() != syscall.SIGKILL || ctx.Err() != nil:
		t.Fatalf("the child: %v: %s", err, out)
	}
	return 0
}
