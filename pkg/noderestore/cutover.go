package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/schema"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

func (m *machine) cutover() workflow.Step {
	if m.part.Mode == ModeSwap {
		return workflow.Step{Name: "swap", Do: m.swap, Done: m.swapped, Undo: m.swapBack}
	}
	return workflow.Step{Name: "manifest", Do: m.edit, Undo: m.unedit}
}

// edit writes etcd's new manifest beside the folder: the old one with other hostPaths,
// and not a byte else. Owner and permissions are those of the old one.
func (m *machine) edit(context.Context) error {
	file, err := m.manifest(controlplane.Etcd)
	if err != nil {
		return err
	}
	edited, err := file.Manifest.Apply(m.part.Edits...)
	if err != nil {
		return err
	}
	old := filepath.Join(m.part.Parked, file.Name)
	info, err := os.Stat(old)
	if err != nil {
		return err
	}
	files := m.FS
	if files.Owner, err = durable.OwnerOf(old); err != nil {
		return err
	}
	if err := m.FS.RemoveAll(m.new.Parked); err != nil { // of a killed process
		return err
	}
	if err := m.FS.Mkdir(m.new.Parked); err != nil {
		return err
	}
	path := filepath.Join(m.new.Parked, file.Name)
	if err := files.WriteFile(path, edited.Bytes()); err != nil {
		return err
	}
	if err := files.Chmod(path, info.Mode().Perm()); err != nil {
		return err
	}
	return errors.Join(files.SyncDir(m.new.Parked), files.SyncDir(m.part.Parked))
}

func (m *machine) unedit(context.Context) error { return m.FS.RemoveAll(m.new.Parked) }

// pairs are the directories that change names.
func (m *machine) pairs() [][2]string {
	pairs := [][2]string{{m.part.OldData, m.part.NewData}}
	if m.part.OldWAL != "" {
		pairs = append(pairs, [2]string{m.part.OldWAL, m.part.NewWAL})
	}
	return pairs
}

// swap gives the new directories the names of the old. The log goes first: etcd does
// not start with a log and no db, but with a db and no log it would begin anew.
func (m *machine) swap(context.Context) error {
	pairs := m.pairs()
	for i := len(pairs) - 1; i >= 0; i-- {
		if err := m.exchange(pairs[i], true); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) swapBack(context.Context) error {
	for _, pair := range m.pairs() {
		if err := m.exchange(pair, false); err != nil {
			return err
		}
	}
	return nil
}

// exchange puts a pair of directories the way it should be. Which is which is asked
// of the directories: another process may have been killed in the midst of it.
func (m *machine) exchange(pair [2]string, swapped bool) error {
	first, second := m.isOurs(pair[0]), m.isOurs(pair[1])
	if first == second {
		return fmt.Errorf("%w: cannot tell which of %s and %s is the new one: %t and %t", ErrSwap, pair[0], pair[1], first, second)
	}
	if first == swapped {
		return nil
	}
	ours, other := pair[0], pair[1]
	if second {
		ours, other = other, ours
	}
	if _, err := os.Lstat(other); errors.Is(err, fs.ErrNotExist) {
		return m.FS.Rename(ours, other) // there was no old one
	}
	if err := m.FS.Exchange(ours, other); err != nil {
		return fmt.Errorf("exchange %s and %s: %w", ours, other, err)
	}
	return nil
}

// isOurs reports whether a directory, of data or of a log, is one of the new cluster.
// What cannot be read is none: ours was whole when it was made.
func (m *machine) isOurs(dir string) bool {
	if dir == m.part.OldWAL || dir == m.part.NewWAL {
		id, err := clusterOfLog(dir)
		return err == nil && id == m.plan.Decision.ClusterID
	}
	db, err := evidence.FromSnapshot(datadir.DBPath(dir))
	return err == nil && slices.ContainsFunc(db.Members, func(e schema.Member) bool { return hexID(e.ID) == m.memberID() })
}

func (m *machine) swapped(context.Context) (bool, error) {
	for _, pair := range m.pairs() {
		if !m.isOurs(pair[0]) {
			return false, nil
		}
	}
	return true, nil
}
