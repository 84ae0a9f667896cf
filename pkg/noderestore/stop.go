package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// takeOut takes the manifests away from the kubelet, and from who else may change
// them: from here on they stay as they are, and must be as they were kept.
func (m *machine) takeOut(context.Context) error {
	if err := m.old.TakeOut(m.part.pods()...); err != nil {
		return err
	}
	for _, want := range m.part.Manifests {
		text, err := os.ReadFile(filepath.Join(m.part.Parked, want.File))
		if err != nil {
			return err
		}
		if digest(text) != want.SHA256 {
			return hint.New(fmt.Errorf("%w: %s", ErrChanged, filepath.Join(m.part.Folder, want.File)), "make a new plan")
		}
	}
	return nil
}

func (m *machine) halt(ctx context.Context) error { return m.old.Halt(ctx, m.part.pods()...) }

// prove makes sure that nothing of the old cluster runs here (I6), and, now that
// nobody writes any more, that the plan's revision stands above all that was written
// (I5).
func (m *machine) prove(ctx context.Context) error {
	if err := m.old.ProveStopped(ctx, m.part.pods()...); err != nil {
		return err
	}
	source, err := evidence.FromDataDir(ctx, m.part.OldData, m.part.OldWAL)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, datadir.ErrInUse):
		return m.inUse(err)
	case err == nil:
		return m.plan.Decision.Cleared(source)
	case m.plan.Decision.Proof.Floor || absent(err):
		return nil // it could not be read before either, and the clock stands for it
	}
	return fmt.Errorf("read the old data directory once more: %w", err)
}

// absent reports whether err says that there are no data, which is not that a part of them
// is missing.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) && !errors.Is(err, datadir.ErrIncomplete)
}

// stopped makes sure that it still is so. Nobody can have written meanwhile who does not
// run.
func (m *machine) stopped(ctx context.Context) error {
	if err := m.old.Stopped(ctx, m.part.pods()...); err != nil {
		return err
	}
	d, err := datadir.Open(m.part.OldData, datadir.Options{WALDir: m.part.OldWAL})
	if err == nil {
		d.Close()
	} else if errors.Is(err, datadir.ErrInUse) {
		return m.inUse(err)
	}
	return nil // what is in it was looked at before
}

func (m *machine) inUse(err error) error {
	return hint.New(fmt.Errorf("%w: %w", controlplane.ErrNotStopped, err), "find it: fuser -v %s", hint.Path(m.part.OldData))
}

// wayBack is how long what served before is given to serve again at least: a short
// --timeout may be what failed.
const wayBack = 3 * time.Minute

// serveAgain is the way back: everything as it was, and, if it served then, serving.
func (m *machine) serveAgain(ctx context.Context) error {
	m.Timeout = max(m.Timeout, wayBack)
	if err := m.replace(); err != nil {
		return err
	}
	var out []controlplane.Pod
	for _, p := range m.part.pods() {
		in, err := m.old.Where(p)
		if err != nil {
			return err
		}
		if !in {
			out = append(out, p)
		}
	}
	if err := m.old.Halt(ctx, out...); err != nil {
		return err
	}
	m.tellOthers(ctx)
	etcd, clients := m.part.pod(controlplane.Etcd), m.part.clients()
	if !m.part.Served.Etcd {
		for _, p := range append(clients, etcd) {
			if err := m.old.PutIn(p); err != nil {
				return err
			}
		}
		return m.removeParked()
	}
	if err := m.old.Start(ctx, etcd); err != nil {
		return err
	}
	if err := m.waitEtcd(ctx, m.Timeout, m.answers); err != nil {
		return err
	}
	if err := m.old.Start(ctx, clients...); err != nil {
		return err
	}
	if m.part.Served.API {
		if err := m.waitReady(ctx); err != nil {
			return err
		}
	}
	return m.removeParked()
}

// replace takes a manifest that somebody has removed meanwhile from the run's copy.
func (m *machine) replace() error {
	if err := m.old.TakeOut(); err != nil { // it makes the folder
		return err
	}
	state := m.run.State()
	for _, kept := range state.Kept {
		parked := filepath.Join(m.part.Parked, kept.Name)
		if isThere(parked) || isThere(filepath.Join(m.part.Folder, kept.Name)) {
			continue
		}
		part := parked + ".part" // whole under its name, or not at all
		err := m.FS.RemoveAll(part)
		if err == nil {
			err = m.run.Put(kept, part)
		}
		if err == nil {
			err = m.FS.Rename(part, parked)
		}
		if err != nil {
			return fmt.Errorf("put %s back: %w", kept.Name, err)
		}
	}
	return nil
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
