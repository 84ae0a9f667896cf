package cri

import (
	"context"
	"slices"
	"strings"
	"time"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// sourceAnnotation is where the kubelet notes where it has a pod from.
const sourceAnnotation = "kubernetes.io/config.source"

// State is what a container is doing.
type State string

// The states.
const (
	Created State = "created"
	Running State = "running"
	Exited  State = "exited"
	Unknown State = "unknown"
)

// Pod is a sandbox and the containers in it. A pod that was started again can have
// several: an old one that has ended stays until the kubelet removes it.
type Pod struct {
	ID         string
	Name       string
	Namespace  string
	UID        string
	Attempt    uint32
	Static     bool // the kubelet has it from a file
	Ready      bool // the sandbox lives
	Created    time.Time
	Containers []Container // the newest first
}

// Container is one container.
type Container struct {
	ID       string
	Name     string
	Image    string // as the pod names it
	State    State
	Attempt  uint32 // how often it had been started before
	Started  time.Time
	Finished time.Time
	ExitCode int32
	Reason   string
}

// Alive reports whether anything of the pod can still run.
func (p Pod) Alive() bool {
	return p.Ready || slices.ContainsFunc(p.Containers, func(c Container) bool { return c.State != Exited })
}

// Filter chooses pods. What is empty fits all.
type Filter struct {
	Namespace string
	Name      string
	UID       string
	Static    bool // only those that the kubelet has from a file
}

// Pods returns the pods that fit, the newest first.
func (r *Runtime) Pods(ctx context.Context, f Filter) ([]Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	sandboxes, err := r.client.ListPodSandbox(ctx, &runtime.ListPodSandboxRequest{})
	if err != nil {
		return nil, r.explain("list its pods", err)
	}
	containers, err := r.client.ListContainers(ctx, &runtime.ListContainersRequest{})
	if err != nil {
		return nil, r.explain("list its containers", err)
	}
	var pods []Pod
	for _, s := range sandboxes.GetItems() {
		m := s.GetMetadata()
		static := s.GetAnnotations()[sourceAnnotation] == "file"
		if !f.fits(m) || f.Static && !static {
			continue
		}
		p := Pod{
			ID: s.GetId(), Name: m.GetName(), Namespace: m.GetNamespace(), UID: m.GetUid(), Attempt: m.GetAttempt(),
			Static: static, Ready: s.GetState() == runtime.PodSandboxState_SANDBOX_READY, Created: moment(s.GetCreatedAt()),
		}
		for _, c := range containers.GetContainers() {
			if c.GetPodSandboxId() == p.ID {
				p.Containers = append(p.Containers, r.container(ctx, c))
			}
		}
		slices.SortFunc(p.Containers, func(a, b Container) int { return int(b.Attempt) - int(a.Attempt) })
		pods = append(pods, p)
	}
	slices.SortFunc(pods, func(a, b Pod) int { return b.Created.Compare(a.Created) })
	return pods, nil
}

func (f Filter) fits(m *runtime.PodSandboxMetadata) bool {
	return (f.Namespace == "" || f.Namespace == m.GetNamespace()) &&
		(f.Name == "" || f.Name == m.GetName()) &&
		(f.UID == "" || f.UID == m.GetUid())
}

// container adds to what the list tells of a container what only its status does.
// One that is removed meanwhile has none.
func (r *Runtime) container(ctx context.Context, c *runtime.Container) Container {
	out := Container{
		ID: c.GetId(), Name: c.GetMetadata().GetName(), Attempt: c.GetMetadata().GetAttempt(),
		Image: c.GetImage().GetUserSpecifiedImage(), State: stateOf(c.GetState()),
	}
	if out.Image == "" {
		out.Image = c.GetImage().GetImage()
	}
	answer, err := r.client.ContainerStatus(ctx, &runtime.ContainerStatusRequest{ContainerId: out.ID})
	if s := answer.GetStatus(); err == nil && s != nil {
		out.State, out.ExitCode, out.Reason = stateOf(s.GetState()), s.GetExitCode(), s.GetReason()
		out.Started, out.Finished = moment(s.GetStartedAt()), moment(s.GetFinishedAt())
	}
	return out
}

func stateOf(s runtime.ContainerState) State {
	return State(strings.ToLower(strings.TrimPrefix(s.String(), "CONTAINER_")))
}

func moment(nanoseconds int64) time.Time {
	if nanoseconds <= 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
