package journal_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// Invariant I8, by kill: a run is killed at each of its boundaries in turn, on its
// way forward and on its way back. Whatever the moment, the journal does not say
// less than was done, and the next process can go on and can go back.
func TestKilledAtEveryBoundary(t *testing.T) {
	for name, tc := range map[string]struct{ back, then bool }{
		"forward, then on":   {false, false},
		"forward, then back": {false, true},
		"back, then back":    {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			counting := prepare(t, tc.back)
			must(t, runJob(counting))
			count := counting.boundaries(t)
			if count < 15 {
				t.Fatalf("only %d boundaries: the seam is not where the work is", count)
			}
			for n := 1; n <= count; n++ {
				j := prepare(t, tc.back)
				if died := j.child(t, n); !died {
					t.Fatalf("the process outlived boundary %d of %d", n, count)
				}
				j.requireHonest(t)
				j.next(t, tc.then)
				if t.Failed() {
					t.Fatalf("after the kill at boundary %d of %d", n, count)
				}
			}
		})
	}
}

// prepare lays out a node; to go back there must be something to go back from.
func prepare(t *testing.T, back bool) job {
	t.Helper()
	dir := t.TempDir()
	j := job{Folder: filepath.Join(dir, "runs"), World: filepath.Join(dir, "world"), CountFile: filepath.Join(dir, "count")}
	if err := os.Mkdir(j.World, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(j.World, "etcd.yaml"), []byte(manifest), 0o640); err != nil {
		t.Fatal(err)
	}
	if back {
		folder := open(t, j.Folder)
		defer folder.Close()
		run := create(t, folder)
		defer run.Close()
		if _, err := run.Keep("etcd.yaml", filepath.Join(j.World, "etcd.yaml")); err != nil {
			t.Fatal(err)
		}
		must(t, run.Intent("stage"), run.Done("stage"), run.Intent("stop"))
		must(t, os.WriteFile(filepath.Join(j.World, "stage"), nil, 0o600))
	}
	j.Back = back
	return j
}

// child runs the job in a process of its own and reports whether it was killed.
func (j job) child(t *testing.T, killAt int) bool {
	t.Helper()
	j.KillAt = killAt
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process was not killed at boundary %d: %v\n%s", killAt, err, out)
	}
	return true
}

func (j job) boundaries(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(j.CountFile)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// requireHonest compares the journal with the world.
func (j job) requireHonest(t *testing.T) {
	t.Helper()
	runs, err := journal.List(j.Folder)
	if err != nil || len(runs) > 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	state := journal.State{}
	if len(runs) == 1 {
		if state = runs[0].State; runs[0].Err != nil {
			t.Fatal(runs[0].Err)
		}
	}
	for _, name := range steps() {
		_, err := os.Stat(filepath.Join(j.World, name))
		stands := err == nil
		step, begun := state.Step(name)
		switch {
		case stands && !begun:
			t.Errorf("step %s was done, and nothing tells of it", name)
		case stands && step.Event == journal.Undone, !stands && step.Event == journal.Done:
			t.Errorf("step %s is %s, but is it done: %v", name, step.Event, stands)
		}
	}
}

// next lets another process end the run, and looks at what it leaves.
func (j job) next(t *testing.T, back bool) {
	t.Helper()
	runs, err := journal.List(j.Folder)
	if err != nil {
		t.Fatal(err)
	}
	finished := len(runs) == 1 && runs[0].State.Outcome != ""
	if back && (len(runs) == 0 || finished) {
		return // nothing to go back from
	}
	if !finished {
		j.Back = back
		must(t, runJob(j))
	}
	if runs, err = journal.List(j.Folder); err != nil || len(runs) != 1 {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	want, text := journal.Complete, "edited"
	if back {
		want, text = journal.RolledBack, manifest
	}
	if runs[0].Err != nil || runs[0].State.Outcome != want {
		t.Errorf("the run ended with %q, %v", runs[0].State.Outcome, runs[0].Err)
	}
	got, err := os.ReadFile(filepath.Join(j.World, "etcd.yaml"))
	if err != nil || string(got) != text {
		t.Errorf("the manifest is %q, %v", got, err)
	}
	for _, name := range steps() {
		if _, err := os.Stat(filepath.Join(j.World, name)); (err == nil) == back {
			t.Errorf("step %s: %v", name, err)
		}
	}
	left, err := filepath.Glob(filepath.Join(j.Folder, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
