package topology

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/revision"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// Of puts the facts of a node into the form in which they travel.
func Of(f *node.Facts, evidence []revision.Evidence) Report {
	r := Report{
		Time: f.Time.UTC().Truncate(time.Second), Hostname: f.Hostname, Root: f.Root,
		Manifests: manifestsOf(f),
		Etcd:      etcdOf(f.Etcd),
		APIServer: apiServerOf(f.Manifests),
		Data:      dataOf(f),
		Health:    healthOf(f.Live),
		Kubelet: Kubelet{
			Running: f.Kubelet.Err == nil, Healthy: f.Kubelet.Err == nil && f.Kubelet.State.Healthy == nil,
			PID: f.Kubelet.State.PID, Started: moment(f.Kubelet.State.Started),
			Error: message(first(f.Kubelet.Err, f.Kubelet.State.Healthy)), ConfigError: message(f.Kubelet.ConfigErr),
		},
		Runtime:      Runtime{f.Runtime.Endpoint, f.Runtime.Name, f.Runtime.Version, message(f.Runtime.Err)},
		Certificates: []Certificate{},
		Backups:      list(f.Backups.Paths),
		Evidence:     evidence,
	}
	if r.Evidence == nil {
		r.Evidence = []revision.Evidence{}
	}
	for _, c := range f.Certificates {
		r.Certificates = append(r.Certificates, certificateOf(c))
	}
	return r
}

func etcdOf(e node.Etcd) Etcd {
	if e.Err != nil {
		return Etcd{Error: e.Err.Error(), PeerURLs: list(nil), ClientURLs: list(nil), ListenPeerURLs: list(nil), ListenClientURLs: list(nil)}
	}
	s := Etcd{
		Image: e.Container.Image, Name: e.Name,
		PeerURLs: list(e.PeerURLs), ClientURLs: list(e.ClientURLs),
		ListenPeerURLs: list(e.ListenPeerURLs), ListenClientURLs: list(e.ListenClientURLs),
		InitialCluster: e.InitialCluster, Quota: e.Quota, FlagsError: message(e.FlagsErr),
	}
	if e.Version != nil {
		s.Version = e.Version.String()
	}
	return s
}

// apiServerOf reads where the API server looks for etcd.
func apiServerOf(m node.Manifests) APIServer {
	urls, err := etcdServers(m)
	return APIServer{EtcdServers: list(urls), Error: message(err)}
}

func etcdServers(m node.Manifests) ([]string, error) {
	if m.Folder == nil {
		return nil, m.Err
	}
	file, err := m.Folder.Component("kube-apiserver")
	if err != nil {
		return nil, err
	}
	servers, err := file.Manifest.FlagValue("kube-apiserver", "etcd-servers")
	if err != nil || servers == "" {
		return nil, err
	}
	return strings.Split(servers, ","), nil
}

func healthOf(l node.Live) Health {
	return Health{
		Endpoint: l.Endpoint, Error: message(l.Err), Serves: Serves(l),
		Version: l.Status.Version, Revision: l.Status.Revision, Leader: id(l.Status.Leader), IsLeader: l.Err == nil && l.Status.IsLeader(),
		Learner: l.Status.Learner, Term: l.Status.Term, Alarms: list(l.Status.Alarms),
	}
}

func certificateOf(c node.Certificate) Certificate {
	s := Certificate{Name: c.Name, File: c.Cert, State: "good", Error: message(first(c.Err, c.Bad))}
	if c.Certificate != nil {
		s.Expires = moment(c.Certificate.Leaf.NotAfter)
	}
	switch {
	case errors.Is(c.Err, kubeadm.ErrCertificate), c.Bad != nil:
		s.State = "bad"
	case c.Err != nil:
		s.State = "unreadable"
	}
	return s
}

// Components are what kubeadm's control plane runs as static pods.
func Components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
}

func manifestsOf(f *node.Facts) Manifests {
	m := Manifests{Path: f.Manifests.Path, Error: message(f.Manifests.Err), Components: []Component{}, Stray: []Stray{}}
	for _, finding := range f.Manifests.Findings {
		m.Stray = append(m.Stray, Stray{finding.File, string(finding.Problem), finding.Detail})
	}
	for _, name := range Components() {
		c := Component{Name: name, Container: ContainerOf(f.Runtime.Pods, name)}
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

// ContainerOf is the newest container of a component, whatever became of its pod.
func ContainerOf(pods []cri.Pod, component string) *Container {
	for _, p := range pods {
		for _, c := range p.Containers {
			if c.Name != component {
				continue
			}
			return &Container{
				ID: c.ID, Image: c.Image, State: string(c.State), Restarts: c.Attempt,
				Started: moment(c.Started), Finished: moment(c.Finished), ExitCode: c.ExitCode, Reason: c.Reason,
			}
		}
	}
	return nil
}

func dataOf(f *node.Facts) Data {
	d := f.Data
	s := Data{
		Error: message(d.Err), Path: d.Dir.Path, Assumed: d.Assumed, MountPoint: d.Dir.MountPoint,
		Size: d.Dir.Size, DBSize: d.DBSize, Free: d.Dir.Free, UID: d.Dir.UID, GID: d.Dir.GID, InUse: d.Running,
		Revision: d.Source.Proven, HighestRevision: d.Source.Highest(), ConsistentIndex: d.Source.ConsistentIndex,
		MemberID: id(d.Source.MemberID), ClusterID: id(d.Source.ClusterID), Members: []Member{},
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
		s.Members = append(s.Members, Member{ID: id(m.ID), Name: m.Name, PeerURLs: list(m.PeerURLs), Learner: m.IsLearner})
	}
	if d.Source.LastIndex > 0 {
		s.Log = &Log{d.Source.LastTerm, d.Source.LastIndex, d.Source.Commit}
	}
	return s
}

// Serves reports whether the member answers and follows a leader, or leads.
func Serves(l node.Live) bool { return l.Err == nil && l.Status.Leader != 0 }
