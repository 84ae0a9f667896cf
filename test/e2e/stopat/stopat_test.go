//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// The test binary is stopat itself, and the program that keeps a journal.
const standIn = "STOPAT_STAND_IN"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(filtered) != "" || os.Getenv("STOPAT_MAIN") != "":
		if err := os.Unsetenv("STOPAT_MAIN"); err != nil {
			panic(err)
		}
		main()
	case os.Getenv(standIn) != "":
		if err := work(os.Getenv(standIn)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(9)
		}
	default:
		os.Exit(m.Run())
	}
}

const steps = 12

// work announces twelve steps and does each: the deed is a file.
func work(dir string) error {
	folder, err := journal.Open(filepath.Join(dir, "runs"), journal.Options{})
	if err != nil {
		return err
	}
	defer folder.Close()
	run, err := folder.Create([]byte("{}"))
	if err != nil {
		return err
	}
	defer run.Close()
	for n := range steps {
		name := fmt.Sprintf("phase/%02d", n)
		if err := run.Intent(name); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint("deed-", n)), nil, 0o600); err != nil {
			return err
		}
		if err := run.Done(name); err != nil {
			return err
		}
	}
	return run.Finish(journal.Complete)
}

const lines = 1 + 2*steps + 1

func command(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], append(args, os.Args[0])...)
	cmd.Env = append(os.Environ(), "STOPAT_MAIN=1", standIn+"="+dir)
	return cmd
}

// state is what a stopped program left: the lines of its journal and its deeds.
func state(t *testing.T, dir string) (lines, deeds int) {
	t.Helper()
	journals, err := filepath.Glob(filepath.Join(dir, "runs", "2*", "journal.jsonl"))
	if err != nil || len(journals) != 1 {
		t.Fatalf("journals: %v, %v", journals, err)
	}
	text, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "deed-*"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n")), len(files)
}

func TestStopsExactlyThere(t *testing.T) {
	t.Parallel()
	for n := 1; n <= lines; n++ {
		dir := t.TempDir()
		out, err := command(t, dir, fmt.Sprint(n)).CombinedOutput()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 137 {
			t.Fatalf("at line %d: %v\n%s", n, err, out)
		}
		// Line 1 is the run, then each step has two: announced, done.
		got, deeds := state(t, dir)
		if got != n || deeds != min((n-1)/2, steps) {
			t.Errorf("stopped at line %d with %d deeds, want line %d with %d", got, deeds, n, (n-1)/2)
		}
	}
}

func TestGoesOnToItsEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := command(t, dir, fmt.Sprint(lines+1)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, deeds := state(t, dir); got != lines || deeds != steps {
		t.Errorf("%d lines, %d deeds", got, deeds)
	}
	// Twice in the same place: the program ends as it does without us.
	if err := os.WriteFile(filepath.Join(dir, "runs", "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "runs"), 0o777); err != nil {
		t.Fatal(err)
	}
	err = command(t, dir, "1").Run()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 9 {
		t.Errorf("got %v, want the program's exit code 9", err)
	}
}

func TestStopsAtStep(t *testing.T) {
	t.Parallel()
	for where, want := range map[string]int{"created:": 1, "intent:phase/": 2, "done:phase/03": 9, "intent:phase/11": 24, "finished:": lines} {
		dir := t.TempDir()
		out, err := command(t, dir, where).CombinedOutput()
		if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 137 {
			t.Fatalf("at %s: %v\n%s", where, err, out)
		}
		if got, _ := state(t, dir); got != want {
			t.Errorf("%s: stopped at line %d, want %d", where, got, want)
		}
	}
}

// held starts the program and returns once it stands there.
func held(t *testing.T, dir string) (*exec.Cmd, io.Closer) {
	t.Helper()
	cmd := command(t, dir, "-hold", "4")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(stderr).ReadString('\n')
	if err != nil || said != "stopat: held\n" {
		t.Errorf("it said %q, %v", said, err)
	}
	if got, deeds := state(t, dir); got != 4 || deeds != 1 {
		t.Errorf("held at line %d with %d deeds", got, deeds)
	}
	return cmd, stdin
}

func TestHold(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, stdin := held(t, dir)
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it did not go on: %v", err)
	}
	if got, deeds := state(t, dir); got != lines || deeds != steps {
		t.Errorf("it ended at line %d with %d deeds", got, deeds)
	}
}

func TestHeldDiesWithItsKeeper(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd, _ := held(t, dir)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed; ends when the program, which has its standard error, has
	if got, deeds := state(t, dir); got != 4 || deeds != 1 {
		t.Errorf("it went on to line %d with %d deeds", got, deeds)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"1"}, {"0", "true"}, {"x", "true"}, {":x", "true"}, {"-hold", "1"}} {
		if code, err := run(args); code != 2 || err == nil {
			t.Errorf("%v: %d, %v", args, code, err)
		}
	}
	if code, err := run([]string{"1", "/nowhere/program"}); code != 1 || err == nil {
		t.Errorf("a program that is not there: %d, %v", code, err)
	}
}
