package proof

import (
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

// Facts are what one node tells. They travel as JSON; where an error stands, what is
// beside it is not known.
type Facts struct {
	Node  string    `json:"node"`
	Time  time.Time `json:"time"`            // by its clock
	Error string    `json:"error,omitempty"` // why it tells nothing at all

	Etcd    Etcd     `json:"etcd"`
	Hashes  []Hash   `json:"hashes"` // by this node, or of all members if it was alone to ask
	API     API      `json:"api"`
	DataDir string   `json:"dataDir"` // of etcd, by its manifest
	Files   Files    `json:"files"`
	Run     *Run     `json:"run,omitempty"`    // that is to be proved
	Rejoin  *Rejoin  `json:"rejoin,omitempty"` // the last one
	Open    []string `json:"open"`             // runs that are not finished
}

// Etcd is what the node's member says. IDs are hexadecimal.
type Etcd struct {
	Error     string   `json:"error,omitempty"`
	MemberID  string   `json:"memberID,omitempty"`
	ClusterID string   `json:"clusterID,omitempty"`
	Leader    string   `json:"leader,omitempty"`
	Term      uint64   `json:"term"`
	RaftIndex uint64   `json:"raftIndex"`
	Revision  int64    `json:"revision"`
	Learner   bool     `json:"learner"`
	Alarms    []string `json:"alarms"`
	Members   []Member `json:"members"` // as it lists them

	MembersError   string `json:"membersError,omitempty"`
	Compacted      bool   `json:"compacted"` // the revision that the run's proof saw last is gone
	CompactedError string `json:"compactedError,omitempty"`
}

// Member is one of the cluster. Name is "" until it has started.
type Member struct {
	ID      string   `json:"id"`
	Name    string   `json:"name"`
	Peers   []string `json:"peerURLs"`
	Clients []string `json:"clientURLs"`
	Learner bool     `json:"learner"`
}

// Hash is that of all keys of a member. Two can be compared if both their revisions are
// the same.
type Hash struct {
	Member          string `json:"member"` // ID
	Revision        int64  `json:"revision"`
	CompactRevision int64  `json:"compactRevision"`
	Hash            uint32 `json:"hash"`
	Error           string `json:"error,omitempty"`
}

// API is what the node's own API server says.
type API struct {
	Server string `json:"server,omitempty"`
	Error  string `json:"error,omitempty"` // why it is not ready

	Revision    int64             `json:"revision"` // of etcd, as it sees it
	Expired     bool              `json:"expired"`  // a watch from before the restore ended so
	Controllers []apiserver.Lease `json:"controllers"`
	Kubelets    []apiserver.Lease `json:"kubelets"`
	Nodes       []apiserver.Node  `json:"nodes"`
	Helpers     []apiserver.Pod   `json:"helpers"`
	DataDir     string            `json:"dataDir,omitempty"` // of etcd, by kubeadm's configuration
	NoConfig    bool              `json:"noConfig"`          // the cluster has none of kubeadm

	RevisionError    string `json:"revisionError,omitempty"`
	ExpiredError     string `json:"expiredError,omitempty"`
	ControllersError string `json:"controllersError,omitempty"`
	NodesError       string `json:"nodesError,omitempty"`
	HelpersError     string `json:"helpersError,omitempty"`
	DataDirError     string `json:"dataDirError,omitempty"`
}

// Files are what of ours is on the node.
type Files struct {
	Error   string   `json:"error,omitempty"`
	Agents  []string `json:"agents"`  // in the kubelet's folder
	Parked  []string `json:"parked"`  // manifests that are out
	Uploads int      `json:"uploads"` // number of files that cleanup would remove
}

// Run is what a restore on this node was to do, and when it let clients in.
type Run struct {
	Name      string            `json:"name"`
	Decision  string            `json:"decision"`
	State     string            `json:"state"`
	ClusterID string            `json:"clusterID"`
	Members   map[string]string `json:"members"` // IDs by name
	Highest   int64             `json:"highest"` // revision that was seen of the old cluster
	Revision  int64             `json:"revision"`
	Served    time.Time         `json:"served"` // when the API server was started
}

// Rejoin is how this node came into the cluster by itself.
type Rejoin struct {
	Name      string `json:"name"`
	ClusterID string `json:"clusterID"`
	MemberID  string `json:"memberID"`
}
