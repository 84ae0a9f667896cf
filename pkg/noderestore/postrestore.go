package noderestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

// updateConfig writes the new directory into kubeadm's configuration, from which an
// upgrade makes etcd's manifest: otherwise it would go back to the old data. What stands
// there is of the day of the snapshot, and can be the directory before an earlier
// restore. One that never named etcd's directory is left alone.
func (m *machine) updateConfig(ctx context.Context) error {
	return m.askAPI(ctx, func(client *apiserver.Client, ctx context.Context) error {
		dir, err := client.DataDir(ctx)
		if errors.Is(err, apiserver.ErrNoConfig) {
			return nil
		}
		if err != nil || !m.named(dir) {
			return err
		}
		_, err = client.SetDataDir(ctx, m.data())
		return err
	})
}

// named reports whether a directory is where etcd had its data, before this restore or
// an earlier one.
func (m *machine) named(dir string) bool {
	origin := datadir.Origin(m.part.OldData)
	if datadir.Origin(dir) == origin {
		return true
	}
	resolved, err := filepath.EvalSymlinks(dir) // new directories are made beside what a link leads to
	return err == nil && datadir.Origin(resolved) == origin
}

// cleanEndpoints waits until the service `kubernetes` names only API servers that
// live: the snapshot brought back those of its day.
func (m *machine) cleanEndpoints(ctx context.Context) error {
	etcd, endpoint, err := m.dialEtcd(ctx)
	if err != nil {
		return err
	}
	defer etcd.Close()
	raw, err := etcd.Raw(endpoint)
	if err != nil {
		return err
	}
	return m.askAPI(ctx, func(client *apiserver.Client, ctx context.Context) error {
		if _, err := client.RemoveOrphans(ctx, raw, m.prefix); err != nil {
			return err
		}
		return client.WaitEndpoints(ctx)
	})
}

// removeHelpers removes the helper pods of this program that the snapshot brought back:
// one is there whenever a snapshot is saved through the API server. Those of the
// workstation that watches now are younger than the run.
func (m *machine) removeHelpers(ctx context.Context) error {
	return m.askAPI(ctx, func(client *apiserver.Client, ctx context.Context) error {
		return client.RemoveHelpers(ctx, m.run.State().Begun)
	})
}

func (m *machine) tidy(context.Context) error { return m.removeManifest() }

// removeManifest removes etcd's old manifest where it was parked: the run has a copy.
func (m *machine) removeManifest() error {
	etcd := m.part.pod(controlplane.Etcd).File
	state := m.run.State()
	for _, kept := range state.Kept {
		if kept.Name != etcd {
			continue
		}
		parked := filepath.Join(m.part.Parked, etcd)
		text, err := os.ReadFile(parked)
		if errors.Is(err, os.ErrNotExist) {
			break
		} else if err != nil {
			return err
		}
		if digest(text) != kept.SHA256 {
			return fmt.Errorf("%w: %s is not the manifest that was parked there", ErrChanged, parked)
		}
		if _, err := m.run.Read(kept); err != nil {
			return err
		}
		if err := m.FS.RemoveAll(parked); err != nil {
			return err
		}
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
