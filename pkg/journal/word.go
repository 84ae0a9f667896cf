package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

// Word is what somebody has to say to a run while a process works on it and holds the
// lock: a file beside the journal, which that process looks for. It is never taken
// back.
type Word string

// The words.
const (
	Go    Word = "go"    // do not wait any longer
	Abort Word = "abort" // go back, whatever else was said
)

// Tell says a word to a run in the folder at path. When it returns the word is on disk.
// To say it once more changes nothing.
func Tell(path, run string, w Word) error {
	if !isRun(run) {
		return fmt.Errorf("%w: %q", ErrNoRun, run)
	}
	dir := filepath.Join(path, run)
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s", ErrNoRun, run)
	}
	var disk durable.FS
	if err := disk.WriteFile(filepath.Join(dir, string(w)), nil); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("tell run %s: %w", run, err)
	}
	return disk.SyncDir(dir)
}

// Told reports whether a word was said to a run in the folder at path.
func Told(path, run string, w Word) (bool, error) {
	_, err := os.Lstat(filepath.Join(path, run, string(w)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Told reports whether a word was said to the run.
func (r *Run) Told(w Word) (bool, error) { return Told(r.folder.Path, r.Name, w) }
