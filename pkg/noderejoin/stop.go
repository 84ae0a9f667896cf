package noderejoin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
)

// keep copies the manifests into the run, after a look whether they are those of the plan.
func (m *machine) keep(context.Context) error {
	for _, want := range m.part.Manifests {
		kept, err := m.run.Keep(want.File, filepath.Join(m.part.Folder, want.File))
		if err != nil {
			return err
		}
		if kept.SHA256 != want.SHA256 {
			return hint.New(fmt.Errorf("%w: %s", noderestore.ErrChanged, kept.Path), "begin again")
		}
	}
	return nil
}

// takeOut takes the manifests away from the kubelet, so that no API server serves old
// data while the cluster's come.
func (m *machine) takeOut(context.Context) error {
	if err := m.old.TakeOut(m.pods()...); err != nil {
		return err
	}
	for _, want := range m.part.Manifests {
		text, err := os.ReadFile(filepath.Join(m.part.Parked, want.File))
		if err != nil {
			return err
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want.SHA256 {
			return hint.New(fmt.Errorf("%w: %s", noderestore.ErrChanged, filepath.Join(m.part.Folder, want.File)), "begin again")
		}
	}
	return nil
}

func (m *machine) halt(ctx context.Context) error { return m.old.Halt(ctx, m.pods()...) }

// prove makes sure that nothing of the old etcd runs here (I6).
func (m *machine) prove(ctx context.Context) error {
	if err := m.old.ProveStopped(ctx, m.pods()...); err != nil {
		return err
	}
	// What else is wrong with the old data is why they are given up.
	_, err := evidence.FromDataDir(ctx, m.part.OldData, m.part.OldWAL)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, datadir.ErrInUse):
		return hint.New(fmt.Errorf("%w: %w", controlplane.ErrNotStopped, err), "find it: fuser -v %s", hint.Path(m.part.OldData))
	}
	return nil
}

// serveAgain is the way back: all manifests as they were, and started if they ran.
func (m *machine) serveAgain(ctx context.Context) error {
	var out []controlplane.Pod
	for _, p := range m.pods() {
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
	etcd := m.pod(controlplane.Etcd)
	if !m.part.Served.Etcd { // nobody knows whether it can start: that is why it was to rejoin
		for _, p := range append(m.clients(), etcd) {
			if err := m.old.PutIn(p); err != nil {
				return err
			}
		}
		return m.removeParked()
	}
	if err := m.old.Start(ctx, etcd); err != nil {
		return err
	}
	if err := m.old.Start(ctx, m.clients()...); err != nil {
		return err
	}
	return m.removeParked()
}

// removeParked removes the folders for manifests, as far as they are empty.
func (m *machine) removeParked() error {
	for _, dir := range []string{m.new.Parked, m.part.Parked, filepath.Dir(m.part.Parked)} {
		if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil // something else is in there
		}
	}
	return nil
}
