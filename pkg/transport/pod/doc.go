// Package pod runs this program on the control-plane nodes of a cluster whose API server
// answers: in a helper pod on each of them, by exec.
//
// A helper pod sees the folders of its node that the verbs work on, under the names that
// they have there ([Target.Paths]), and is made of an image that the node has
// ([Target.Image]): nothing is pulled. The program is brought by exec, too, and stays on
// the node, named by its SHA-256.
//
// A helper pod lives no longer than its API server lets it: a restore takes it away,
// since no snapshot holds it. The connection breaks then, and the next verb makes
// another. What has to outlive it is left behind as a static pod ([Node.Leave]), which
// the kubelet runs whether there is an API server or not.
package pod

import (
	"errors"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

var (
	// ErrCluster is returned for a cluster that has no control plane which could be
	// worked on.
	ErrCluster = errors.New("no control plane of kubeadm")
	// ErrCredentials is returned when the API server does not know who we are.
	ErrCredentials = errors.New("credentials not usable")
	// ErrForbidden is returned for what the API server does not let us do.
	ErrForbidden = errors.New("forbidden")
	// ErrAdmission is returned when the API server lets us, and the rules of the cluster
	// do not allow such a pod.
	ErrAdmission = errors.New("helper pod not admitted")
	// ErrImage is returned when a node has no image that a helper pod could be made of.
	ErrImage = errors.New("no image for the helper pod")
	// ErrNotStarted is returned for a helper pod that does not start.
	ErrNotStarted = errors.New("helper pod does not start")
)

// namespace is where the pods of the control plane are, and ours.
const namespace = "kube-system"

// Options of the helper pods.
type Options struct {
	Program transport.Program
	Image   string // "" is the one of kube-proxy, or of another pod of the network
	// HostPID lets the helper see the processes of the node. Without it no kubelet is
	// found there, which is all the same to who only reads etcd's data, or etcd itself.
	HostPID bool
	// Deadline is when the kubelet ends a helper that nobody has ended; zero: 15 minutes.
	// A verb that runs then loses its connection.
	Deadline time.Duration
	// Patience is how long a helper may take to start; zero: a minute.
	Patience time.Duration
}

func (o Options) deadline() time.Duration {
	if o.Deadline == 0 {
		return 15 * time.Minute
	}
	return o.Deadline
}

func (o Options) patience() time.Duration {
	if o.Patience == 0 {
		return time.Minute
	}
	return o.Patience
}
