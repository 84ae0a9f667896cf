package controlplane

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Where tells whether the manifest of a pod is in the kubelet's folder. It is an
// ErrManifest if it is nowhere, or both in and out.
func (n *Node) Where(p Pod) (in bool, err error) {
	in, err = exists(n.in(p))
	if err != nil {
		return false, err
	}
	out, err := exists(n.out(p))
	switch {
	case err != nil:
		return false, err
	case in && out:
		return false, hint.New(fmt.Errorf("%w: %s is there again, and the one that was taken out is %s", ErrManifest, n.in(p), n.out(p)),
			"compare them, and move the one aside that is wrong: diff %s %s", hint.Path(n.in(p)), hint.Path(n.out(p)))
	case !in && !out:
		return false, fmt.Errorf("%w: there is neither %s nor %s", ErrManifest, n.in(p), n.out(p))
	}
	return in, nil
}

// TakeOut moves the manifests of pods out of the kubelet's folder, in this order and within
// one mount, so that the kubelet sees a whole file or none. It stops nothing by itself, see
// Halt. What is out already stays.
func (n *Node) TakeOut(pods ...Pod) error {
	if err := n.makeParked(); err != nil {
		return err
	}
	for _, p := range pods {
		in, err := n.Where(p)
		if err != nil {
			return err
		}
		if in {
			if err := n.FS.Rename(n.in(p), n.out(p)); err != nil {
				return fmt.Errorf("take the manifest of %s out: %w", p.Component, err)
			}
		}
	}
	return n.FS.SyncDir(n.Folder) // once, since from the first on nobody is served
}

// PutIn moves the manifest of a pod back in. What is in already stays.
func (n *Node) PutIn(p Pod) error {
	in, err := n.Where(p)
	if err != nil || in {
		return err
	}
	err = n.FS.Rename(n.out(p), n.in(p))
	if err == nil {
		err = n.FS.SyncDir(n.Parked)
	}
	if err != nil {
		return fmt.Errorf("put the manifest of %s in: %w", p.Component, err)
	}
	return nil
}

func (n *Node) makeParked() error {
	var missing []string
	for dir := n.Parked; ; dir = filepath.Dir(dir) {
		there, err := exists(dir)
		if err != nil {
			return err
		}
		if there {
			break
		}
		missing = append([]string{dir}, missing...)
	}
	for _, dir := range missing {
		if err := n.FS.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make a folder for the manifests: %w", err)
		}
		if err := n.FS.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
