package noderestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// Components of a control-plane node, in the order in which they are stopped.
func components() []string {
	return []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", controlplane.Etcd}
}

// ErrSwap is returned where the directories cannot change names.
var ErrSwap = errors.New("the directories cannot be exchanged")

// NewPart says what is to be done on a node that has these facts.
func NewPart(ctx context.Context, facts *node.Facts, mode Mode, id string) (Part, error) {
	p := Part{
		Member: facts.Etcd.Name, Mode: mode,
		Folder: facts.Manifests.Path,
		Served: Served{Etcd: facts.Live.Err == nil && facts.Live.Status.Leader != 0, API: apiServes(ctx, facts)},
	}
	if facts.Manifests.Err != nil {
		return Part{}, facts.Manifests.Err
	}
	for _, name := range components() {
		f, err := facts.Manifests.Folder.Component(name)
		if err != nil {
			return Part{}, err
		}
		pod := f.Manifest.Pod
		p.Manifests = append(p.Manifests, Manifest{name, f.Name, pod.Namespace, pod.Name, digest(f.Manifest.Bytes())})
	}
	if err := p.place(facts, id); err != nil {
		return Part{}, err
	}
	// A sibling of the folder is as good as certainly in the same mount.
	p.Parked = filepath.Join(filepath.Dir(p.Folder), "etcd-restore", id)
	return p, nil
}

// place chooses the new directories and how etcd comes to use them.
func (p *Part) place(facts *node.Facts, id string) error {
	storage := facts.Etcd.Storage
	if facts.Etcd.StorageErr != nil {
		return facts.Etcd.StorageErr
	}
	p.OldData = storage.Data.HostPath()
	if storage.WAL != nil {
		p.OldWAL = storage.WAL.HostPath()
	}
	if p.Mode == ModeSwap {
		return p.placeSwapped(id)
	}
	volume, _, err := datadir.Beside(storage.Data.VolumePath, id)
	if err != nil {
		return err
	}
	p.NewData = path.Join(volume, storage.Data.Below)
	switch {
	case storage.WAL == nil:
	case storage.WAL.Volume == storage.Data.Volume:
		p.NewWAL = path.Join(volume, storage.WAL.Below)
	default:
		if volume, _, err = datadir.Beside(storage.WAL.VolumePath, id); err != nil {
			return err
		}
		p.NewWAL = path.Join(volume, storage.WAL.Below)
	}
	p.Edits, err = facts.Etcd.File.Manifest.Edits(storage, p.NewData, p.NewWAL)
	if err != nil && (errors.Is(err, staticpod.ErrBelow) || errors.Is(err, staticpod.ErrShared)) {
		return hint.New(err, "exchange the directories instead: --data-dir-mode=swap")
	}
	return err
}

func (p *Part) placeSwapped(id string) error {
	var err error
	for _, pair := range []struct{ old, new *string }{{&p.OldData, &p.NewData}, {&p.OldWAL, &p.NewWAL}} {
		if *pair.old == "" {
			continue
		}
		var inside bool
		if *pair.new, inside, err = datadir.Beside(*pair.old, id); err != nil {
			return err
		}
		if inside {
			return hint.New(fmt.Errorf("%w: %s is a mount point", ErrSwap, *pair.old), "let the manifest name the new one: --data-dir-mode=manifest")
		}
	}
	return nil
}

func (p *Part) target() restore.Target {
	t := restore.Target{Member: p.Member, DataDir: p.NewData, WALDir: p.NewWAL, Like: p.OldData}
	if _, err := os.Stat(t.Like); errors.Is(err, fs.ErrNotExist) {
		t.Like = "" // the old one is gone: root's own will do
	}
	return t
}

// pod is that of a component.
func (p *Part) pod(component string) controlplane.Pod {
	for _, m := range p.Manifests {
		if m.Component == component {
			return controlplane.Pod{Component: m.Component, File: m.File, Namespace: m.Namespace, Name: m.Pod}
		}
	}
	return controlplane.Pod{Component: component}
}

// pods are all of the node's, in the order in which they are stopped.
func (p *Part) pods() []controlplane.Pod {
	var pods []controlplane.Pod
	for _, name := range components() {
		pods = append(pods, p.pod(name))
	}
	return pods
}

// clients are the pods that use etcd.
func (p *Part) clients() []controlplane.Pod { return p.pods()[:len(components())-1] }

// apiServes asks the node's own API server whether it is ready.
func apiServes(ctx context.Context, facts *node.Facts) bool {
	if facts.Manifests.Err != nil {
		return false
	}
	file, err := facts.Manifests.Folder.Component("kube-apiserver")
	if err != nil {
		return false
	}
	server, err := apiserver.LocalServer(file.Manifest)
	if err != nil {
		return false
	}
	client, err := apiserver.Dial(kubeadm.Node{}.AdminConfigs()[0], apiserver.Options{Server: server})
	if err != nil {
		return false
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return client.Ready(ctx) == nil
}
