package etcdrestore

import (
	"errors"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
)

// nodeStatus is the form of node status -o json. Where something could not be found
// out there is an error, and beside it what is known all the same.
type nodeStatus struct {
	TypeMeta
	Time     time.Time `json:"time"`
	Hostname string    `json:"hostname"`
	Root     bool      `json:"root"` // it was seen as root

	Verdict      verdict             `json:"verdict"`
	Manifests    manifestsStatus     `json:"manifests"`
	Etcd         etcdStatus          `json:"etcd"`
	Data         dataStatus          `json:"data"`
	Health       healthStatus        `json:"health"`
	Kubelet      kubeletStatus       `json:"kubelet"`
	Runtime      runtimeStatus       `json:"runtime"`
	Certificates []certificateStatus `json:"certificates"`
	Runs         runsStatus          `json:"runs"`
	Backups      []string            `json:"backups"` // of etcd's data, by kubeadm's upgrades
}

type manifestsStatus struct {
	Path       string            `json:"path"`
	Error      string            `json:"error,omitempty"`
	Components []componentStatus `json:"components"`
	Stray      []strayStatus     `json:"stray"`
}

// componentStatus is one of the four that make a control plane.
type componentStatus struct {
	Name      string           `json:"name"`
	File      string           `json:"file,omitempty"`
	Error     string           `json:"error,omitempty"` // why there is no file
	Container *containerStatus `json:"container,omitempty"`
}

// containerStatus is the newest container of a component.
type containerStatus struct {
	ID       string     `json:"id"`
	Image    string     `json:"image"`
	State    string     `json:"state"` // created, running, exited, unknown
	Restarts uint32     `json:"restarts"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	ExitCode int32      `json:"exitCode"`
	Reason   string     `json:"reason,omitempty"`
}

type strayStatus struct {
	File    string `json:"file"`
	Problem string `json:"problem"`
	Detail  string `json:"detail"`
}

// etcdStatus is what etcd's manifest says.
type etcdStatus struct {
	Error            string   `json:"error,omitempty"`
	Image            string   `json:"image,omitempty"`
	Version          string   `json:"version,omitempty"`
	Name             string   `json:"name,omitempty"`
	PeerURLs         []string `json:"peerURLs"`
	ClientURLs       []string `json:"clientURLs"`
	ListenPeerURLs   []string `json:"listenPeerURLs"`
	ListenClientURLs []string `json:"listenClientURLs"`
	InitialCluster   string   `json:"initialCluster,omitempty"`
	Quota            int64    `json:"quotaBytes"`
	FlagsError       string   `json:"flagsError,omitempty"`
}

// dataStatus is the data directory, and what its database says.
type dataStatus struct {
	Error      string  `json:"error,omitempty"`
	Path       string  `json:"path,omitempty"`
	WALPath    string  `json:"walPath,omitempty"` // if it is not in path
	Assumed    bool    `json:"assumed,omitempty"` // kubeadm's default, since no manifest tells
	MountPoint bool    `json:"mountPoint"`
	Size       int64   `json:"sizeBytes"` // all files
	DBSize     int64   `json:"dbSizeBytes"`
	QuotaUse   float64 `json:"quotaUse"` // 1 is all of it
	Free       int64   `json:"freeBytes"`
	WALFree    int64   `json:"walFreeBytes,omitempty"`
	UID        int     `json:"uid"`
	GID        int     `json:"gid"`
	Mode       string  `json:"mode,omitempty"`
	InUse      bool    `json:"inUse"` // an etcd holds it

	DatabaseError   string         `json:"databaseError,omitempty"`
	Revision        int64          `json:"revision"`        // of the database
	HighestRevision int64          `json:"highestRevision"` // with the log above it; of a running etcd only the database is read
	ConsistentIndex uint64         `json:"consistentIndex"`
	MemberID        string         `json:"memberID,omitempty"`  // hexadecimal
	ClusterID       string         `json:"clusterID,omitempty"` // hexadecimal
	Members         []memberStatus `json:"members"`
}

type memberStatus struct {
	ID       string   `json:"id"` // hexadecimal
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`
	Learner  bool     `json:"learner"`
}

// healthStatus is what the live member answers.
type healthStatus struct {
	Endpoint string   `json:"endpoint,omitempty"`
	Error    string   `json:"error,omitempty"`
	Serves   bool     `json:"serves"` // it answers and knows a leader
	Version  string   `json:"version,omitempty"`
	Revision int64    `json:"revision"`
	Leader   string   `json:"leader,omitempty"` // hexadecimal
	IsLeader bool     `json:"isLeader"`
	Learner  bool     `json:"learner"`
	Term     uint64   `json:"term"`
	Alarms   []string `json:"alarms"`
}

type kubeletStatus struct {
	Running     bool       `json:"running"`
	Healthy     bool       `json:"healthy"`
	PID         int        `json:"pid,omitempty"`
	Started     *time.Time `json:"started,omitempty"`
	Error       string     `json:"error,omitempty"`
	ConfigError string     `json:"configError,omitempty"`
}

type runtimeStatus struct {
	Endpoint string `json:"endpoint"`
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Error    string `json:"error,omitempty"`
}

type certificateStatus struct {
	Name    string     `json:"name"`
	File    string     `json:"file"`
	State   string     `json:"state"` // good, bad, unreadable
	Expires *time.Time `json:"expires,omitempty"`
	Error   string     `json:"error,omitempty"` // why it is not good
}

type runsStatus struct {
	Path       string      `json:"path"`
	Error      string      `json:"error,omitempty"`
	Total      int         `json:"total"`
	Unfinished []runStatus `json:"unfinished"`
}

// newNodeStatus puts the facts into the form that is printed. program is what a
// person types to run this.
func newNodeStatus(f *node.Facts, program string) nodeStatus {
	s := nodeStatus{
		TypeMeta: TypeMeta{apiVersion, "NodeStatus"},
		Time:     f.Time.UTC().Truncate(time.Second), Hostname: f.Hostname, Root: f.Root,
		Manifests: manifestsOf(f),
		Etcd:      etcdOf(f.Etcd),
		Data:      dataOf(f),
		Health:    healthOf(f.Live),
		Kubelet: kubeletStatus{
			Running: f.Kubelet.Err == nil, Healthy: f.Kubelet.Err == nil && f.Kubelet.State.Healthy == nil,
			PID: f.Kubelet.State.PID, Started: moment(f.Kubelet.State.Started),
			Error: message(first(f.Kubelet.Err, f.Kubelet.State.Healthy)), ConfigError: message(f.Kubelet.ConfigErr),
		},
		Runtime:      runtimeStatus{f.Runtime.Endpoint, f.Runtime.Name, f.Runtime.Version, message(f.Runtime.Err)},
		Certificates: []certificateStatus{},
		Runs:         runsStatus{Path: f.Runs.Path, Error: message(f.Runs.Err), Total: len(f.Runs.Runs), Unfinished: []runStatus{}},
		Backups:      list(f.Backups.Paths),
	}
	for _, c := range f.Certificates {
		s.Certificates = append(s.Certificates, certificateOf(c))
	}
	for _, r := range f.Runs.Runs {
		if r.Err != nil || r.State.Outcome == "" {
			s.Runs.Unfinished = append(s.Runs.Unfinished, newRunStatus(r))
		}
	}
	s.Verdict = judge(f, program)
	return s
}

func etcdOf(e node.Etcd) etcdStatus {
	if e.Err != nil {
		return etcdStatus{Error: e.Err.Error(), PeerURLs: list(nil), ClientURLs: list(nil), ListenPeerURLs: list(nil), ListenClientURLs: list(nil)}
	}
	s := etcdStatus{
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

func healthOf(l node.Live) healthStatus {
	return healthStatus{
		Endpoint: l.Endpoint, Error: message(l.Err), Serves: serves(l),
		Version: l.Status.Version, Revision: l.Status.Revision, Leader: id(l.Status.Leader), IsLeader: l.Err == nil && l.Status.IsLeader(),
		Learner: l.Status.Learner, Term: l.Status.Term, Alarms: list(l.Status.Alarms),
	}
}

func certificateOf(c node.Certificate) certificateStatus {
	s := certificateStatus{Name: c.Name, File: c.Cert, State: "good", Error: message(first(c.Err, c.Bad))}
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

// serves reports whether the member answers and follows a leader, or leads.
func serves(l node.Live) bool { return l.Err == nil && l.Status.Leader != 0 }

// list is never null in JSON.
func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
