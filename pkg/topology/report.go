package topology

import (
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/revision"
)

// Report is what a control-plane node tells of itself. Where something could not be found
// out there is an error, and beside it what is known all the same.
type Report struct {
	Time     time.Time `json:"time"`
	Hostname string    `json:"hostname"`
	Root     bool      `json:"root"` // it was seen as root

	Manifests    Manifests     `json:"manifests"`
	Etcd         Etcd          `json:"etcd"`
	APIServer    APIServer     `json:"apiServer"`
	Data         Data          `json:"data"`
	Health       Health        `json:"health"`
	Kubelet      Kubelet       `json:"kubelet"`
	Runtime      Runtime       `json:"runtime"`
	Certificates []Certificate `json:"certificates"`
	Backups      []string      `json:"backups"` // of etcd's data, by kubeadm's upgrades

	Evidence []revision.Evidence `json:"evidence"` // of the revisions that the cluster has reached
}

// Manifests are the static pods of the node.
type Manifests struct {
	Path       string      `json:"path"`
	Error      string      `json:"error,omitempty"`
	Components []Component `json:"components"`
	Stray      []Stray     `json:"stray"`
}

// Component is one of the four that make a control plane.
type Component struct {
	Name      string     `json:"name"`
	File      string     `json:"file,omitempty"`
	Error     string     `json:"error,omitempty"` // why there is no file
	Container *Container `json:"container,omitempty"`
}

// Container is the newest container of a component.
type Container struct {
	ID       string     `json:"id"`
	Image    string     `json:"image"`
	State    string     `json:"state"` // created, running, exited, unknown
	Restarts uint32     `json:"restarts"`
	Started  *time.Time `json:"started,omitempty"`
	Finished *time.Time `json:"finished,omitempty"`
	ExitCode int32      `json:"exitCode"`
	Reason   string     `json:"reason,omitempty"`
}

// Stray is a file that is in the way in the folder of manifests.
type Stray struct {
	File    string `json:"file"`
	Problem string `json:"problem"`
	Detail  string `json:"detail"`
}

// Etcd is what etcd's manifest says.
type Etcd struct {
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

// APIServer is what the manifest of the node's API server says.
type APIServer struct {
	EtcdServers []string `json:"etcdServers"` // URLs; where all are elsewhere, so is etcd
	Error       string   `json:"error,omitempty"`
}

// Data is the data directory, and what its database says.
type Data struct {
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

	DatabaseError   string   `json:"databaseError,omitempty"`
	Revision        int64    `json:"revision"`        // of the database
	HighestRevision int64    `json:"highestRevision"` // with the log above it; of a running etcd only the database is read
	ConsistentIndex uint64   `json:"consistentIndex"`
	MemberID        string   `json:"memberID,omitempty"`  // hexadecimal
	ClusterID       string   `json:"clusterID,omitempty"` // hexadecimal
	Members         []Member `json:"members"`
	Log             *Log     `json:"log,omitempty"` // of a stopped etcd, if all of it can be read
}

// Log is the end of a member's log: of stopped members the one whose log reaches
// furthest has what the others acknowledged.
type Log struct {
	LastTerm  uint64 `json:"lastTerm"`
	LastIndex uint64 `json:"lastIndex"`
	Commit    uint64 `json:"commit"` // it says that entries up to here are committed
}

// Member is one of the cluster, as the database lists it.
type Member struct {
	ID       string   `json:"id"` // hexadecimal
	Name     string   `json:"name"`
	PeerURLs []string `json:"peerURLs"`
	Learner  bool     `json:"learner"`
}

// Health is what the live member answers.
type Health struct {
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

// Kubelet is the kubelet of the node.
type Kubelet struct {
	Running     bool       `json:"running"`
	Healthy     bool       `json:"healthy"`
	PID         int        `json:"pid,omitempty"`
	Started     *time.Time `json:"started,omitempty"`
	Error       string     `json:"error,omitempty"`
	ConfigError string     `json:"configError,omitempty"`
}

// Runtime is the container runtime of the node.
type Runtime struct {
	Endpoint string `json:"endpoint"`
	Name     string `json:"name,omitempty"`
	Version  string `json:"version,omitempty"`
	Error    string `json:"error,omitempty"`
}

// Certificate is one of those that a control plane depends on.
type Certificate struct {
	Name    string     `json:"name"`
	File    string     `json:"file"`
	State   string     `json:"state"` // good, bad, unreadable
	Expires *time.Time `json:"expires,omitempty"`
	Error   string     `json:"error,omitempty"` // why it is not good
}
