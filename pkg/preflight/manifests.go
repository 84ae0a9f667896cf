package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// etcdManifest wants one manifest that runs etcd, and can be renamed.
func (s *subject) etcdManifest(context.Context) []Finding {
	e := s.Facts.Etcd
	if e.Err != nil {
		return bad(or(e.Err, "restore runs on a control-plane node of kubeadm, whose etcd.yaml is in %s", s.Facts.Manifests.Path))
	}
	if !e.File.Mode.IsRegular() {
		return bad(hint.New(fmt.Errorf("%w: %s is no plain file, so that it cannot be moved out and in", ErrNode, e.File.Path), "%s", unlink(e.File.Path)))
	}
	return nil
}

// manifestFolder wants nothing beside the manifests: the kubelet runs every file in
// the folder, whatever its name, so that a backup of etcd.yaml would start the old
// etcd in the middle of the restore.
func (s *subject) manifestFolder(context.Context) []Finding {
	m := s.Facts.Manifests
	if m.Err != nil {
		return bad(or(m.Err, "look at the folder: ls -la %s", hint.Path(m.Path)))
	}
	var found []Finding
	for _, f := range m.Findings {
		file := filepath.Join(m.Path, f.File)
		err := fmt.Errorf("%w: %s does not belong there: %s", ErrNode, file, f.Detail)
		switch f.Problem {
		case staticpod.ProblemDirectory: // harmless
			found = append(found, warn(err)...)
		case staticpod.ProblemLink:
			found = append(found, bad(hint.New(err, "%s", unlink(file)))...)
		default:
			found = append(found, bad(hint.New(err, "move it away: mv %s %s", hint.Path(file), hint.Path(s.besides(f.File))))...)
		}
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		switch _, err := m.Folder.Component(name); {
		case errors.Is(err, fs.ErrNotExist):
			found = append(found, bad(hint.New(fmt.Errorf("%w: no manifest in %s runs %s", ErrNode, m.Path, name),
				"somebody has moved it away: move it back first"))...)
		case err != nil:
			found = append(found, bad(or(err, "look at the folder: ls -la %s", hint.Path(m.Path)))...)
		}
	}
	return found
}

// unlink is the command that puts a file in the place of the link to it.
func unlink(file string) string {
	return fmt.Sprintf("put the file itself there: cp --remove-destination \"$(readlink -f %[1]s)\" %[1]s", hint.Path(file))
}

// besides is where a file goes that must leave the folder: on the same file system,
// and where the kubelet does not look.
func (s *subject) besides(name string) string {
	return filepath.Join(filepath.Dir(s.Facts.Manifests.Path), name+".moved")
}

// manifestParking wants a place for the manifests that a rename leads to: a copy that
// the kubelet finds half written would be run as it is.
func (s *subject) manifestParking(context.Context) []Finding {
	if s.Unplanned {
		return noPlan()
	}
	if s.Facts.Manifests.Err != nil {
		return skip("the folder of manifests cannot be read, see ManifestFolder")
	}
	from, to := s.Facts.Manifests.Path, s.Node.Path(s.Parking)
	if !filepath.IsAbs(s.Parking) || inside(to, from) {
		return bad(hint.New(fmt.Errorf("%w: %s is no place for manifests that the kubelet is not to run", ErrNode, to),
			"name one beside %s", from))
	}
	if err := writable(from); err != nil {
		return bad(err)
	}
	above, err := existing(to)
	if err != nil {
		return bad(or(err, "name a place beside %s", from))
	}
	if err := writable(above); err != nil {
		return bad(err)
	}
	switch same, err := sameMount(from, above); {
	case err != nil:
		return bad(or(err, "name a place beside %s", from))
	case !same:
		return bad(hint.New(fmt.Errorf("%w: nothing can be renamed from %s to %s: they are on different mounts", ErrNode, from, to),
			"name a place for the manifests on the file system of %s", from))
	}
	return nil
}

// etcdFlags wants to know all that etcd is told.
func (s *subject) etcdFlags(context.Context) []Finding {
	e := s.Facts.Etcd
	if e.Err != nil {
		return skip("there is no etcd to look at, see EtcdManifest")
	}
	if e.FlagsErr == nil {
		return nil
	}
	return bad(or(e.FlagsErr, "write each of etcd's flags as a plain value into %s", e.File.Path))
}

// etcdStorage wants to know where the node keeps etcd's data, and that etcd can be
// made to find them elsewhere.
func (s *subject) etcdStorage(context.Context) []Finding {
	e := s.Facts.Etcd
	switch {
	case e.Err != nil:
		return skip("there is no etcd to look at, see EtcdManifest")
	case e.StorageErr != nil:
		return bad(or(e.StorageErr, "let etcd have its data in a hostPath volume, in %s", e.File.Path))
	}
	return append(s.cutover(), s.oldData()...)
}

// cutover tries what will change in the manifest.
func (s *subject) cutover() []Finding {
	switch {
	case s.DataDir == "":
		return nil
	case s.Swap && s.Facts.Data.Dir.MountPoint:
		return bad(hint.New(fmt.Errorf("%w: %s is a mount point, and cannot exchange its name with another directory", ErrNode, s.Facts.Data.Dir.Path),
			"leave out --data-dir-mode=swap"))
	case s.Swap:
		return nil
	}
	if _, err := s.Facts.Etcd.File.Manifest.Edits(s.Facts.Etcd.Storage, s.DataDir, s.WALDir); err != nil {
		return bad(or(err, "exchange the old and the new directory, which leaves the manifest alone: --data-dir-mode=swap"))
	}
	return nil
}

// oldData wants the data that are there now, for the proof that no revision goes
// back, and for the way back.
func (s *subject) oldData() []Finding {
	e, d := s.Facts.Etcd, s.Facts.Data
	switch {
	case errors.Is(d.Err, fs.ErrNotExist), errors.Is(d.Dir.Err, fs.ErrNotExist):
		return warn(fmt.Errorf("the old data directory %s is gone: nothing of it can be proved, and a rollback will find nothing", e.Storage.Data.HostPath()))
	case d.Err != nil:
		return bad(or(d.Err, "look at it: ls -la %s", hint.Path(d.Dir.Local)))
	case d.SourceErr != nil:
		return warn(fmt.Errorf("the old data cannot be read, so that they prove no revision: %w", d.SourceErr))
	}
	return nil
}
