package snapshotx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// Invariant I2: a signal in the middle of a restore ends it with 130, and nothing
// is left. It is the middle for certain: the snapshot comes through a pipe that
// gives only half of it and stays open.
func TestRestoreInterruptedBySignal(t *testing.T) {
	t.Parallel()
	whole := read(t, kubernetesSnapshot(t))
	for name, tc := range map[string]struct {
		signal os.Signal
		args   []string
		file   string // that shows that the restore is in the middle
	}{
		"SIGINT":          {os.Interrupt, []string{"--data-dir", "DIR/m"}, "m.part-*/member/snap/db"},
		"SIGTERM":         {syscall.SIGTERM, []string{"--data-dir", "DIR/m"}, "m.part-*/member/snap/db"},
		"compact":         {os.Interrupt, []string{"--data-dir", "DIR/m", "--compact"}, "m.part-*/member/snap/db"},
		"all members":     {os.Interrupt, []string{"--all-members", "--output-dir", "DIR", "--initial-cluster", initialCluster3}, "m3.etcd.part-*/member/snap/db"},
		"existing target": {os.Interrupt, []string{"--data-dir", "DIR"}, ".part-*/snap/db"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := []string{"restore", "-"}
			for _, a := range tc.args {
				args = append(args, strings.ReplaceAll(a, "DIR", dir))
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, theCommand(t), args...)
			var errOut strings.Builder
			cmd.Stderr = &errOut
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := stdin.Write(whole[:len(whole)/2]); err != nil {
				t.Error(err)
			}
			for begun := false; !begun; time.Sleep(time.Millisecond) {
				found, err := filepath.Glob(filepath.Join(dir, tc.file))
				if begun = len(found) == 1; err != nil || ctx.Err() != nil {
					t.Fatalf("it does not begin: %v, %v", err, ctx.Err())
				}
			}
			if err := cmd.Process.Signal(tc.signal); err != nil {
				t.Error(err)
			}
			state, err := cmd.Process.Wait() // Wait would wait for stdin
			if err != nil {
				t.Fatal(err)
			}
			stdin.Close()
			if err := cmd.Wait(); err == nil {
				t.Error("no error")
			}
			if state.ExitCode() != 130 || !strings.HasPrefix(errOut.String(), "error: interrupted") {
				t.Errorf("exit code %d: %s", state.ExitCode(), errOut.String())
			}
			holds(t, dir)
		})
	}
}

// Memory does not grow with the snapshot: on 300 MB the resident memory of a
// restore stays far below that.
func TestRestoreMemory(t *testing.T) {
	t.Parallel()
	file := fixtureFile(t, fixture.Options{Keys: 50_000, Bytes: 300 << 20})
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"one member":   nil,
		"all members":  {"--all-members"},
		"compact":      {"--compact"},
		"without hash": {"--skip-hash-check"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			all := []string{"restore", file, "--progress", "none"}
			if name == "all members" {
				args = append(args, "--output-dir", dir, "--initial-cluster", initialCluster3)
			} else {
				args = append(args, "--data-dir", filepath.Join(dir, "m"))
			}
			if name == "without hash" {
				all[1] = filepath.Join(t.TempDir(), "db")
				withoutTrailer(t, file, all[1], info.Size()-32)
			}
			cmd := exec.CommandContext(t.Context(), theCommand(t), append(all, args...)...)
			cmd.Env = append(os.Environ(), "GODEBUG=gctrace=1")
			var trace strings.Builder
			cmd.Stderr = &trace
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			resident := 0
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			for running := true; running; {
				select {
				case err := <-ended:
					if running = false; err != nil {
						t.Fatalf("%v\n%s", err, trace.String())
					}
				case <-time.After(time.Millisecond):
					resident = max(resident, highWater(cmd.Process.Pid))
				}
			}
			heap := peakHeap(t, trace.String())
			t.Logf("%s of a snapshot of %d MiB: resident %d MiB, heap %d MiB", name, info.Size()>>20, resident, heap)
			if heap >= 64 {
				t.Errorf("the heap grew to %d MiB", heap)
			}
			limit := 100
			if name == "compact" { // bbolt maps what it writes
				limit = 160
			}
			if resident == 0 || resident >= limit {
				t.Errorf("%d MiB were resident", resident)
			}
		})
	}
}

func withoutTrailer(t *testing.T, from, to string, size int64) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(out, in, size); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Close()); err != nil {
		t.Fatal(err)
	}
}

var gcTrace = regexp.MustCompile(`(\d+)->(\d+)->(\d+) MB`)

// peakHeap is the largest heap, in MiB, that the runtime reports at the beginning
// or the end of a garbage collection.
func peakHeap(t *testing.T, trace string) (peak int) {
	t.Helper()
	found := gcTrace.FindAllStringSubmatch(trace, -1)
	if len(found) == 0 {
		return 4 // below which nothing is collected
	}
	for _, m := range found {
		for _, size := range m[1:] {
			n, err := strconv.Atoi(size)
			if err != nil {
				t.Fatal(err)
			}
			peak = max(peak, n)
		}
	}
	return peak
}

var vmHWM = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// highWater is the most memory that was resident so far, in MiB; 0 if the process
// is gone. (The usage that wait reports counts this process' own before exec.)
func highWater(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := vmHWM.FindSubmatch(status)
	if m == nil {
		return 0
	}
	kB, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return 0
	}
	return kB >> 10
}
