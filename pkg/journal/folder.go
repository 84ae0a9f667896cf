package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Folder holds the runs of a node, and is locked by this process.
type Folder struct {
	Path string
	fs   durable.FS
	now  func() time.Time
	lock *os.File
}

// Options are for tests.
type Options struct {
	FS  durable.FS
	Now func() time.Time // nil is the clock
}

// Open makes the folder if there is none, and locks it until Close or until the
// process ends, however it ends.
func Open(path string, o Options) (*Folder, error) {
	f := &Folder{Path: path, fs: o.FS, now: o.Now}
	if f.now == nil {
		f.now = time.Now
	}
	if err := f.fs.Mkdir(path); err == nil {
		if err := f.fs.SyncDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the folder for runs: %w", err)
	}
	var err error
	if f.lock, err = openSafe(path); err != nil {
		return nil, err
	}
	switch err := lock(f.lock); {
	case errors.Is(err, unix.EWOULDBLOCK):
		f.Close()
		return nil, hint.New(fmt.Errorf("%w in %s", ErrLocked, path), "wait for it, or look for it: fuser -v %s", hint.Path(path))
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := f.sweep(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// probing is longer than anybody takes who only asks whether the folder is locked.
const probing = 500 * time.Millisecond

// lock locks the folder, unless it is locked for longer than somebody who only asks
// would hold it.
func lock(dir *os.File) error {
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := durable.Lock(dir)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Since(begun) > probing {
			return err
		}
	}
}

// Busy reports whether a process works in a folder.
func Busy(path string) bool {
	dir, err := durable.OpenOwnDir(path)
	if err != nil {
		return false
	}
	defer dir.Close()
	return durable.Locked(dir)
}

// openSafe opens a directory that nobody else can write to. What is below it is
// then nobody else's either.
func openSafe(path string) (*os.File, error) {
	dir, err := durable.OpenOwnDir(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFolder, err)
	}
	why, err := durable.OnlyMine(dir)
	if why != "" {
		err = hint.New(fmt.Errorf("%w: %s", ErrFolder, why), "look at what is in it, and let only root write there: chown -R root: %[1]s; chmod 0700 %[1]s", hint.Path(path))
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// Close ends the lock.
func (f *Folder) Close() { _ = f.lock.Close() }

const unborn = ".new-"

// sweep removes runs that were not born yet when their process was killed.
func (f *Folder) sweep() error {
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name, ok := strings.CutPrefix(e.Name(), unborn); ok && isRun(name) {
			if err := f.fs.RemoveAll(filepath.Join(f.Path, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

var runName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[a-z2-7]{6}$`)

func isRun(name string) bool { return runName.MatchString(name) }

func (f *Folder) newName() string {
	return f.now().UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:6])
}

// Summary is a run as a list shows it.
type Summary struct {
	Name    string
	State   State
	Records []Record // all that happened
	Plan    []byte   // what it is to do
	Err     error    // why neither is known
}

// List reads all runs, the oldest first. It needs no lock and changes nothing.
func List(path string) ([]Summary, error) {
	entries, err := os.ReadDir(path) // sorted, and names begin with the time
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var runs []Summary
	for _, e := range entries {
		if !isRun(e.Name()) {
			continue
		}
		s := Summary{Name: e.Name()}
		if content, err := readRun(filepath.Join(path, e.Name())); err != nil {
			s.Err = err
		} else {
			s.State, s.Records, s.Plan = content.state, content.records, content.plan
		}
		runs = append(runs, s)
	}
	return runs, nil
}

// Plans is a pattern of the shell for the plans of all runs in a folder.
func Plans(folder string) string { return filepath.Join(folder, "2*Z-*", planFile) }

// Create begins a run, unless another is not finished: that one must be resumed or
// rolled back first.
func (f *Folder) Create(plan []byte) (*Run, error) {
	runs, err := List(f.Path)
	if err != nil {
		return nil, err
	}
	for _, r := range runs {
		if r.Err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrUnfinished, r.Name, r.Err)
		}
		if r.State.Outcome == "" {
			return nil, hint.New(fmt.Errorf("%w: %s", ErrUnfinished, r.Name), "resume it or roll it back first")
		}
	}
	name := f.newName()
	if err := f.build(filepath.Join(f.Path, unborn+name), plan); err != nil {
		return nil, errors.Join(fmt.Errorf("begin a run: %w", err), f.fs.RemoveAll(filepath.Join(f.Path, unborn+name)))
	}
	if err := f.fs.Rename(filepath.Join(f.Path, unborn+name), filepath.Join(f.Path, name)); err != nil {
		return nil, errors.Join(fmt.Errorf("begin a run: %w", err), f.fs.RemoveAll(filepath.Join(f.Path, unborn+name)))
	}
	return f.Resume(name)
}

// Resume opens a run of that name, finished or not. With "" it is the one that is
// not finished.
func (f *Folder) Resume(name string) (*Run, error) {
	if name == "" {
		runs, err := List(f.Path)
		if err != nil {
			return nil, err
		}
		for _, r := range runs {
			if r.Err != nil || r.State.Outcome == "" {
				name = r.Name
			}
		}
		if name == "" {
			return nil, fmt.Errorf("%w: all in %s are finished", ErrNoRun, f.Path)
		}
	}
	if !isRun(name) {
		return nil, fmt.Errorf("%w: %q", ErrNoRun, name)
	}
	return f.open(name)
}
