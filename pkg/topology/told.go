package topology

import "time"

// Told is all that could be found out about a control plane.
type Told struct {
	Time    time.Time
	Answers []Answer
	Err     error // why there are no Answers

	Kubernetes    *Kubernetes // nil if no API server answers
	KubernetesErr error       // why not

	Snapshots []Snapshot // that could be restored
}

// Answer is what came of asking one node.
type Answer struct {
	Host   string  // what the transport calls it
	Report *Report // nil if Err is set
	Runs   []Run   // that are not finished
	Err    error   // why the node tells nothing
}

// Run is a restore that stands in the middle on a node.
type Run struct {
	Node      string `json:"node"`
	Name      string `json:"name"`
	Decision  string `json:"decision,omitempty"` // the same on all nodes of a restore
	State     string `json:"state"`              // unfinished, going back, damaged
	Committed bool   `json:"committed"`          // there is no way back
	Busy      bool   `json:"busy"`               // a process works on it
	Step      string `json:"step,omitempty"`     // that it stands at
}

// ID is what a person calls the run.
func (r Run) ID() string {
	if r.Decision != "" {
		return r.Decision
	}
	return r.Name
}

// Snapshot is a file that could be restored.
type Snapshot struct {
	Path     string    `json:"path"`
	Time     time.Time `json:"time"` // of its last change
	Revision int64     `json:"revision"`
	Members  []string  `json:"-"` // IDs, in hexadecimal
	Err      error     `json:"-"` // why it cannot be read
}

// Kubernetes is what an API server says.
type Kubernetes struct {
	Server   string     `json:"server"`
	Cluster  string     `json:"cluster,omitempty"` // its name in kubeadm's configuration
	Nodes    []KubeNode `json:"nodes"`             // of the control plane
	Pods     []EtcdPod  `json:"etcdPods"`
	DataDir  string     `json:"dataDir,omitempty"`      // of etcd, in kubeadm's configuration
	External []string   `json:"externalEtcd,omitempty"` // its endpoints there
	Errors   []string   `json:"errors,omitempty"`       // what could not be asked
}

// KubeNode is a node of the control plane.
type KubeNode struct {
	Name      string   `json:"name"`
	Ready     bool     `json:"ready"`
	Addresses []string `json:"addresses"`
}

// EtcdPod is the mirror of a static pod of etcd.
type EtcdPod struct {
	Name  string `json:"name"`
	Node  string `json:"node"`
	Ready bool   `json:"ready"`

	// As its flags say, empty if they do not.
	Member  string `json:"member,omitempty"`
	PeerURL string `json:"peerURL,omitempty"`
}

// Choice is what a person says where the sources disagree.
type Choice struct {
	Exclude []string // nodes that are left out
	Members string   // NAME=URL,...: these are the members, whatever else says
}
