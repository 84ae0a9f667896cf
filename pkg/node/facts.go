package node

import (
	"io/fs"
	"time"

	"github.com/coreos/go-semver/semver"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/evidence"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/kubelet"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// Facts are what is on the node.
type Facts struct {
	Time     time.Time
	Hostname string
	Root     bool // we may see and do everything

	Manifests    Manifests
	Etcd         Etcd
	Data         Data
	Live         Live
	Kubelet      Kubelet
	Runtime      Runtime
	Certificates []Certificate
	Runs         Runs
	Backups      Backups
}

// Manifests are the static pods of the node.
type Manifests struct {
	Path     string // where the folder is for us; known even if Err is set
	Folder   *staticpod.Folder
	Findings []staticpod.Finding
	Err      error // why there is no Folder
}

// Etcd is what its manifest says. If Err is set nothing else is; each of the
// other errors says what of the rest is missing.
type Etcd struct {
	Err       error // why no manifest of etcd was found
	File      staticpod.File
	Container *staticpod.Container

	Version    *semver.Version // of the image
	VersionErr error

	Flags            staticpod.Flags
	Name             string
	PeerURLs         []string // --initial-advertise-peer-urls
	ClientURLs       []string // --advertise-client-urls
	ListenPeerURLs   []string
	ListenClientURLs []string
	InitialCluster   string
	Quota            int64 // bytes, the default if none is given
	FlagsErr         error // why some of the flags are not known

	Storage    staticpod.Storage
	StorageErr error
}

// Data is the data directory of the node's etcd.
type Data struct {
	Err     error // why the directory could not be looked at: there are only the paths then
	Assumed bool  // it is kubeadm's default, since no manifest tells
	Dir     Directory
	WAL     *Directory // nil if the log is in Dir
	DBSize  int64      // bytes of the file
	Running bool       // an etcd holds it

	// Source is what the database tells; with the etcd stopped, the log as well.
	// If SourceErr is set, it is what could be read all the same, or empty.
	Source    evidence.Source
	SourceErr error
}

// Directory is a directory of the node.
type Directory struct {
	Path       string // on the node
	Local      string // where it is for us
	UID, GID   int
	Mode       fs.FileMode
	Size       int64  // bytes of the files in it
	Free       int64  // bytes that its file system has left
	Device     uint64 // of its file system
	MountPoint bool
	Err        error // why there is no more than the paths; fs.ErrNotExist if there is no such directory
}

// Live is how the node's etcd answers at its client URL.
type Live struct {
	Endpoint string
	Status   etcdclient.MemberStatus
	Err      error // why there is no Status
}

// Kubelet is the kubelet of the node.
type Kubelet struct {
	Config    kubeadm.Kubelet
	ConfigErr error // why Config is not known

	State kubelet.State
	Err   error // why there is no State: kubelet.ErrNotRunning
}

// Runtime is the container runtime of the node.
type Runtime struct {
	Endpoint string
	Name     string
	Version  string
	Pods     []cri.Pod // of kube-system, the newest first
	Missing  []string  // images of the static pods that are not on the node
	Err      error     // why there are no Pods
}

// Certificate is one of those that a control plane depends on.
type Certificate struct {
	kubeadm.Files
	Certificate *kubeadm.Certificate // nil if Err is set
	Err         error                // why it cannot be read
	Bad         error                // why it proves nothing at Facts.Time
}

// Runs are the restores that were made on this node, the oldest first.
type Runs struct {
	Path string // of the folder, for us
	Runs []journal.Summary
	Busy bool // a process works on one of them
	Err  error
}

// Backups are the copies of the data that upgrades by kubeadm left, the oldest
// first.
type Backups struct {
	Paths []string
	Err   error
}
