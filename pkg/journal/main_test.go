package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// jobVariable holds the job of a child process, which is this test binary again.
const jobVariable = "ETCD_RESTORE_TEST_JOB"

// job is a run that a child process works on, and dies in.
type job struct {
	Folder    string
	World     string // what the steps change: a file a step
	Back      bool   // roll back instead of going on
	KillAt    int    // the boundary at which it kills itself; 0 to live on
	CountFile string // where it says how many boundaries it met
}

// manifest is what the run keeps and its last step removes.
const manifest = "kind: Pod # \r\n\x00 any bytes"

func steps() []string { return []string{"stage", "stop", "cutover"} }

// No test here runs in parallel: between its fork and its exec a child process
// holds a copy of every lock that is open in this one, and so keeps it taken for a
// moment after it was given back.
func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		var j job
		err := json.Unmarshal([]byte(text), &j)
		if err == nil {
			err = runJob(j)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runJob(j job) error {
	met := 0
	boundary := func(string, string) {
		if met++; met == j.KillAt {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // it takes a moment
		}
	}
	folder, err := journal.Open(j.Folder, journal.Options{FS: durable.FS{Boundary: boundary}})
	if err != nil {
		return err
	}
	defer folder.Close()
	run, err := folder.Resume("")
	if errors.Is(err, journal.ErrNoRun) && !j.Back {
		run, err = folder.Create([]byte(`{"what":"everything"}`))
	}
	if err != nil {
		return err
	}
	defer run.Close()
	if j.Back {
		err = j.goBack(run, boundary)
	} else {
		err = j.goOn(run, boundary)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(j.CountFile, fmt.Append(nil, met), 0o600)
}

func (j job) goOn(run *journal.Run, boundary func(op, path string)) error {
	if _, err := run.Keep("etcd.yaml", filepath.Join(j.World, "etcd.yaml")); err != nil {
		return err
	}
	state := run.State()
	for _, name := range steps() {
		if step, _ := state.Step(name); step.Event == journal.Done {
			continue
		}
		if err := run.Intent(name); err != nil {
			return err
		}
		boundary("step", name)
		if err := os.WriteFile(filepath.Join(j.World, name), nil, 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(j.World, "etcd.yaml"), []byte("edited"), 0o600); err != nil {
			return err
		}
		boundary("stepped", name)
		if err := run.Done(name); err != nil {
			return err
		}
	}
	return run.Finish(journal.Complete)
}

func (j job) goBack(run *journal.Run, boundary func(op, path string)) error {
	state := run.State()
	for _, step := range state.ToUndo() {
		if err := run.Undoing(step.Name); err != nil {
			return err
		}
		boundary("undo", step.Name)
		if err := os.Remove(filepath.Join(j.World, step.Name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		boundary("undid", step.Name)
		if err := run.Undone(step.Name); err != nil {
			return err
		}
	}
	if len(state.Kept) > 0 {
		if err := putBack(run, state.Kept[0]); err != nil {
			return err
		}
	}
	return run.Finish(journal.RolledBack)
}

func putBack(run *journal.Run, f journal.File) error {
	fresh := f.Path + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := run.Put(f, fresh); err != nil {
		return err
	}
	return os.Rename(fresh, f.Path)
}
