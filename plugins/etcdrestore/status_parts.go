package etcdrestore

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// components are what kubeadm's control plane runs as static pods.
func components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
}

func manifestsOf(f *node.Facts) manifestsStatus {
	m := manifestsStatus{Path: f.Manifests.Path, Error: message(f.Manifests.Err), Components: []componentStatus{}, Stray: []strayStatus{}}
	for _, finding := range f.Manifests.Findings {
		m.Stray = append(m.Stray, strayStatus{finding.File, string(finding.Problem), finding.Detail})
	}
	for _, name := range components() {
		c := componentStatus{Name: name, Container: containerOf(f.Runtime.Pods, name)}
		if f.Manifests.Folder != nil {
			file, err := f.Manifests.Folder.Component(name)
			c.File, c.Error = file.Name, message(err)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, staticpod.ErrNoEtcd) {
				c.Error = "no manifest"
			}
		}
		m.Components = append(m.Components, c)
	}
	return m
}

// containerOf is the newest container of a component, whatever became of its pod.
func containerOf(pods []cri.Pod, component string) *containerStatus {
	for _, p := range pods {
		for _, c := range p.Containers {
			if c.Name != component {
				continue
			}
			return &containerStatus{
				ID: c.ID, Image: c.Image, State: string(c.State), Restarts: c.Attempt,
				Started: moment(c.Started), Finished: moment(c.Finished), ExitCode: c.ExitCode, Reason: c.Reason,
			}
		}
	}
	return nil
}

func dataOf(f *node.Facts) dataStatus {
	d := f.Data
	s := dataStatus{
		Error: message(d.Err), Path: d.Dir.Path, Assumed: d.Assumed, MountPoint: d.Dir.MountPoint,
		Size: d.Dir.Size, DBSize: d.DBSize, Free: d.Dir.Free, UID: d.Dir.UID, GID: d.Dir.GID, InUse: d.Running,
		Revision: d.Source.Proven, HighestRevision: d.Source.Highest(), ConsistentIndex: d.Source.ConsistentIndex,
		MemberID: id(d.Source.MemberID), ClusterID: id(d.Source.ClusterID), Members: []memberStatus{},
	}
	if d.Err == nil {
		s.Mode = fmt.Sprintf("%04o", d.Dir.Mode)
		s.DatabaseError = message(d.SourceErr)
	}
	if d.WAL != nil {
		s.WALPath, s.WALFree = d.WAL.Path, d.WAL.Free
	}
	if f.Etcd.Quota > 0 {
		s.QuotaUse = float64(d.DBSize) / float64(f.Etcd.Quota)
	}
	for _, m := range d.Source.Members {
		s.Members = append(s.Members, memberStatus{id(m.ID), m.Name, list(m.PeerURLs), m.IsLearner})
	}
	return s
}
