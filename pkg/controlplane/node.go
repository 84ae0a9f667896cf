package controlplane

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

var (
	// ErrManifest is returned when a manifest is not where it should be.
	ErrManifest = errors.New("manifest is not where it should be")
	// ErrRunning is returned when something of a pod is left that should be gone.
	ErrRunning = errors.New("still running")
	// ErrNotStopped is returned when the old etcd cannot be proved to have stopped.
	ErrNotStopped = errors.New("the old etcd is not proved to have stopped")
	// ErrNotStarted is returned when the kubelet does not start a pod.
	ErrNotStarted = errors.New("did not start")
)

// Etcd is the component that is stopped last.
const Etcd = "etcd"

// Pod is a static pod of the node.
type Pod struct {
	Component string // what runs in it, and the name of its container: "etcd", "kube-apiserver", ...
	File      string // name of its manifest
	Namespace string
	Name      string // as its manifest has it: the kubelet adds the name of the node
}

// Runtime is what is asked of the container runtime.
type Runtime interface {
	Pods(ctx context.Context, f cri.Filter) ([]cri.Pod, error)
	Stop(ctx context.Context, p cri.Pod, grace time.Duration) error
	Remove(ctx context.Context, p cri.Pod) error
}

// Node is the node whose pods are stopped and started.
type Node struct {
	Folder  string // the kubelet's folder of manifests
	Parked  string // where the manifests are while they are out, in the same mount
	PodDirs string // the kubelet's folder of pods, "" is /var/lib/kubelet/pods
	Runtime Runtime
	// RestartKubelet starts the kubelet again and waits until it is healthy.
	RestartKubelet func(context.Context) error
	Grace          time.Duration // from SIGTERM to SIGKILL
	FS             durable.FS
}

// How long the kubelet is given, by what was seen of it: see the comment of the
// package.
const (
	tick          = 50 * time.Millisecond
	settleTime    = 500 * time.Millisecond // between the end of a pod's folder and the end of its worker
	releaseTime   = 6 * time.Second        // a kubelet that can lets go of a pod in 3 s
	appearTime    = 3 * time.Second        // and starts one in less than 1 s
	containerTime = 30 * time.Second       // from the sandbox to the container
	restartTime   = 2 * time.Minute        // from the start of a kubelet to its pods, if the node is busy
	stopTime      = 20 * time.Second       // beyond the grace period
)

func (n *Node) podDirs() string {
	if n.PodDirs == "" {
		return "/var/lib/kubelet/pods"
	}
	return n.PodDirs
}

func (n *Node) in(p Pod) string  { return filepath.Join(n.Folder, p.File) }
func (n *Node) out(p Pod) string { return filepath.Join(n.Parked, p.File) }

// isOf reports whether a pod of the runtime is p. The kubelet names it after the
// manifest and the node; what is not from a file is something else of a like name.
func (p Pod) isOf(r cri.Pod) bool {
	return r.Namespace == p.Namespace && strings.HasPrefix(r.Name, p.Name+"-") && p.runs(r)
}

// runs tells etcd-backup-cp1 from etcd-cp1: a static pod of another component. A
// sandbox without containers yet, or any more, tells nothing and counts.
func (p Pod) runs(r cri.Pod) bool {
	for _, c := range r.Containers {
		if c.Name == p.Component {
			return true
		}
	}
	return len(r.Containers) == 0
}

// Find returns the pods of the runtime that are one of pods, alive or not.
func (n *Node) Find(ctx context.Context, pods ...Pod) ([]cri.Pod, error) {
	all, err := n.Runtime.Pods(ctx, cri.Filter{Static: true})
	if err != nil {
		return nil, err
	}
	var found []cri.Pod
	for _, r := range all {
		for _, p := range pods {
			if p.isOf(r) {
				found = append(found, r)
				break
			}
		}
	}
	return found, nil
}

// Alive returns those of the runtime's pods that are one of pods and in which
// something can still run.
func (n *Node) Alive(ctx context.Context, pods ...Pod) ([]cri.Pod, error) {
	found, err := n.Find(ctx, pods...)
	if err != nil {
		return nil, err
	}
	var alive []cri.Pod
	for _, r := range found {
		if r.Alive() {
			alive = append(alive, r)
		}
	}
	return alive, nil
}
