package noderejoin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// directories are those of the data and, if it is elsewhere, of the log: where etcd will
// have them, and where the old ones are or go.
func (m *machine) directories() [][2]string {
	pairs := [][2]string{{m.part.OldData, m.part.NewData}}
	if m.part.OldWAL != "" {
		pairs = append(pairs, [2]string{m.part.OldWAL, m.part.NewWAL})
	}
	return pairs
}

func (m *machine) swaps() bool { return m.part.Mode == noderestore.ModeSwap }

// makeDirectory makes the empty directories in which etcd begins. Old data that have the
// name move aside, whole (I3).
func (m *machine) makeDirectory(context.Context) error {
	for _, pair := range m.directories() {
		old, fresh := pair[0], pair[1]
		if m.swaps() {
			old, fresh = pair[1], pair[0]
			if err := m.moveAside(fresh, old); err != nil {
				return err
			}
		}
		if err := m.makeEmpty(fresh, old); err != nil {
			return err
		}
	}
	return nil
}

// moveAside renames what is in the way, unless a killed process has done so.
func (m *machine) moveAside(dir, aside string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0:
		return nil
	case err != nil:
		return err
	}
	return m.FS.Rename(dir, aside)
}

// makeEmpty makes a directory like another, with what it lies in.
func (m *machine) makeEmpty(dir, like string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case err == nil && len(entries) > 0:
		return fmt.Errorf("%w: %s is not empty", ErrNode, dir)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if !isThere(filepath.Dir(dir)) {
		if err := m.makeEmpty(filepath.Dir(dir), filepath.Dir(like)); err != nil {
			return err
		}
	}
	files, mode := m.FS, fs.FileMode(0o700)
	if info, err := os.Stat(like); err == nil { // etcd need not be root
		mode = info.Mode().Perm()
		if files.Owner, err = durable.OwnerOf(like); err != nil {
			return err
		}
	}
	if err := files.Mkdir(dir); err != nil {
		return err
	}
	return errors.Join(files.Chmod(dir, mode), files.SyncDir(filepath.Dir(dir)))
}

// removeDirectory is the way back. It removes nothing that holds anything.
func (m *machine) removeDirectory(context.Context) error {
	for _, pair := range m.directories() {
		old, fresh := pair[0], pair[1]
		if m.swaps() {
			old, fresh = pair[1], pair[0]
			if !isThere(old) { // there were none
				continue
			}
		}
		if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if m.swaps() {
			if err := m.FS.Rename(old, fresh); err != nil {
				return err
			}
		}
	}
	return nil
}

// empty removes what etcd has fetched so far into the directories that this run has made:
// a copy of what the cluster has, for a member that is none any more.
func (m *machine) empty() error {
	state := m.run.State()
	if step, ok := state.Step(stepDirectory); !ok || step.Event != journal.Done {
		return fmt.Errorf("%w: %s is not the run's own", ErrNode, m.plan.data())
	}
	for _, dir := range []string{m.plan.wal(), m.plan.data()} { // a log without a database is refused
		if dir == "" {
			continue
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := m.FS.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
