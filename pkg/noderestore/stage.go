package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/courtesy"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
)

// keep copies the manifests into the run, after a look whether they are those of the
// plan.
func (m *machine) keep(context.Context) error {
	for _, want := range m.part.Manifests {
		kept, err := m.run.Keep(want.File, filepath.Join(m.part.Folder, want.File))
		if err != nil {
			return err
		}
		if kept.SHA256 != want.SHA256 {
			return hint.New(fmt.Errorf("%w: %s", ErrChanged, kept.Path), "make a new plan")
		}
	}
	return nil
}

// stage writes the new data directory. It appears whole, or not at all (I2).
func (m *machine) stage(ctx context.Context) error {
	d := &m.plan.Decision
	cluster, err := d.Cluster()
	if err != nil {
		return err
	}
	// What a process that was killed has published, a log without a database say, would
	// be in the way.
	if err := m.unstage(ctx); err != nil {
		return err
	}
	target := m.part.target()
	if err := m.makeParents(target); err != nil {
		return err
	}
	path := m.Snapshot
	if path == "" {
		path = d.Snapshot.Path
	}
	comeForward := courtesy.Begin() // the cluster serves meanwhile
	done, err := restore.Run(ctx, restore.Config{
		Path: path, Cluster: cluster, Targets: []restore.Target{target},
		ExpectSHA256: d.Snapshot.SHA256, SkipHashCheck: d.Snapshot.SkipHashCheck,
		Bump:          restore.Bump{Mode: restore.BumpBy, By: d.Proof.Bump},
		MarkCompacted: true,
		TargetVersion: d.TargetVersion,
		Progress:      m.Progress, FS: m.FS,
	})
	comeForward()
	if err == nil && done.Revision.Restored != d.Revision { // before anything has stopped
		err = hint.New(fmt.Errorf("%w: its snapshot and its bump make revision %d, and it says %d", ErrPlan, done.Revision.Restored, d.Revision), "make a new plan")
	}
	return err
}

// makeParents makes what a data directory that is not its volume lies in.
func (m *machine) makeParents(t restore.Target) error {
	for _, pair := range [][2]string{{t.DataDir, m.part.OldData}, {t.WALDir, m.part.OldWAL}} {
		if pair[0] == "" {
			continue
		}
		if err := m.makeParent(filepath.Dir(pair[0]), filepath.Dir(pair[1])); err != nil {
			return err
		}
	}
	return nil
}

func (m *machine) makeParent(dir, like string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := m.makeParent(filepath.Dir(dir), filepath.Dir(like)); err != nil {
		return err
	}
	files, mode := m.FS, fs.FileMode(0o700)
	if info, err := os.Stat(like); err == nil { // etcd, which need not be root, must get through
		mode = info.Mode().Perm()
		if files.Owner, err = durable.OwnerOf(like); err != nil {
			return err
		}
	}
	if err := files.Mkdir(dir); err != nil {
		return err
	}
	if err := files.Chmod(dir, mode); err != nil {
		return err
	}
	return files.SyncDir(filepath.Dir(dir))
}

// staged asks the new directory whose it is.
func (m *machine) staged(context.Context) (bool, error) {
	return m.stagedAt(m.part.NewData)
}

// unstage removes the new directories, and nothing that is not ours (I3): each must
// hold the cluster of this plan, which nobody was served from yet. They lose their
// names first, so that nothing stands there in part, whenever this ends. What a killed
// process has built goes, too: nobody else would look for it.
func (m *machine) unstage(context.Context) error {
	if err := restore.Sweep(m.FS, m.part.target()); err != nil {
		return err
	}
	for _, dir := range []string{m.part.NewData, m.part.NewWAL} { // the log tells whose the data are
		if dir == "" {
			continue
		}
		ours, err := m.stagedAt(dir)
		if err != nil {
			return err
		}
		nameless := dir + ".removed" // our ID is in the name
		if err := m.FS.RemoveAll(nameless); err != nil {
			return err
		}
		if ours {
			if err := m.FS.Rename(dir, nameless); err != nil {
				return err
			}
			if err := m.FS.RemoveAll(nameless); err != nil {
				return err
			}
		}
		m.removeParents(filepath.Dir(dir))
	}
	return nil
}

// stagedAt reports whether one of the new directories is there, and ours.
func (m *machine) stagedAt(dir string) (bool, error) {
	ask := func() (string, error) { return clusterOf(m.part.NewData, m.part.NewWAL) }
	if dir == m.part.NewWAL {
		ask = func() (string, error) { return clusterOfLog(m.part.NewWAL) }
	}
	id, err := ask()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, datadir.ErrNotDataDir) {
		return false, nil
	}
	return err == nil && id == m.plan.Decision.ClusterID, err
}

// removeParents removes what makeParents made, as far as it is empty.
func (m *machine) removeParents(dir string) {
	for strings.Contains(dir, m.plan.Decision.ID) {
		if os.Remove(dir) != nil {
			return
		}
		dir = filepath.Dir(dir)
	}
}

// clusterOf returns the cluster that a data directory belongs to, in hex.
func clusterOf(data, wal string) (string, error) {
	if wal == "" {
		wal = datadir.WALDir(data)
	}
	if _, err := os.Stat(datadir.DBPath(data)); err != nil {
		return "", err
	}
	return clusterOfLog(wal)
}

// clusterOfLog reads it from the first lines of a log.
func clusterOfLog(dir string) (string, error) {
	r, err := datadir.NewReader(dir)
	if err != nil {
		return "", err
	}
	defer r.Close()
	for {
		record, err := r.Next()
		if err != nil {
			return "", fmt.Errorf("whose log is %s: %w", dir, err)
		}
		if record.Metadata != nil {
			return hexID(record.Metadata.ClusterID), nil
		}
	}
}
