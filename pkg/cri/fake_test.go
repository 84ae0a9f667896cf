package cri_test

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
)

// server is a container runtime as far as it is asked here.
type server struct {
	runtime.UnimplementedRuntimeServiceServer

	mu         sync.Mutex
	sandboxes  []*runtime.PodSandbox
	containers []*runtime.Container
	status     map[string]*runtime.ContainerStatus // by ID; none is NotFound
	calls      []string
	fails      map[string]error        // by call and ID
	grace      map[string]int64        // with which a container was stopped
	before     func(id string)         // a container is stopped
	block      map[string]chan<- error // calls that do not answer until their context ends
}

func (s *server) call(ctx context.Context, name string) error {
	s.mu.Lock()
	s.calls = append(s.calls, name)
	block, err := s.block[name], s.fails[name]
	s.mu.Unlock()
	if block != nil {
		<-ctx.Done()
		block <- ctx.Err()
	}
	return err
}

func (s *server) Version(ctx context.Context, _ *runtime.VersionRequest) (*runtime.VersionResponse, error) {
	return &runtime.VersionResponse{RuntimeName: "containerd", RuntimeVersion: "v2.3.7"}, s.call(ctx, "Version")
}

func (s *server) ListPodSandbox(ctx context.Context, _ *runtime.ListPodSandboxRequest) (*runtime.ListPodSandboxResponse, error) {
	return &runtime.ListPodSandboxResponse{Items: s.sandboxes}, s.call(ctx, "ListPodSandbox")
}

func (s *server) ListContainers(ctx context.Context, _ *runtime.ListContainersRequest) (*runtime.ListContainersResponse, error) {
	return &runtime.ListContainersResponse{Containers: s.containers}, s.call(ctx, "ListContainers")
}

func (s *server) ContainerStatus(ctx context.Context, r *runtime.ContainerStatusRequest) (*runtime.ContainerStatusResponse, error) {
	if err := s.call(ctx, "ContainerStatus "+r.GetContainerId()); err != nil {
		return nil, err
	}
	found, ok := s.status[r.GetContainerId()]
	if !ok {
		return nil, status.Error(codes.NotFound, "no such container")
	}
	return &runtime.ContainerStatusResponse{Status: found}, nil
}

func (s *server) StopContainer(ctx context.Context, r *runtime.StopContainerRequest) (*runtime.StopContainerResponse, error) {
	if s.before != nil {
		s.before(r.GetContainerId())
	}
	err := s.call(ctx, "StopContainer "+r.GetContainerId())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grace[r.GetContainerId()] = r.GetTimeout()
	return &runtime.StopContainerResponse{}, err
}

func (s *server) StopPodSandbox(ctx context.Context, r *runtime.StopPodSandboxRequest) (*runtime.StopPodSandboxResponse, error) {
	return &runtime.StopPodSandboxResponse{}, s.call(ctx, "StopPodSandbox "+r.GetPodSandboxId())
}

func (s *server) RemovePodSandbox(ctx context.Context, r *runtime.RemovePodSandboxRequest) (*runtime.RemovePodSandboxResponse, error) {
	return &runtime.RemovePodSandboxResponse{}, s.call(ctx, "RemovePodSandbox "+r.GetPodSandboxId())
}

// serve lets a runtime listen, and connects to it.
func serve(t *testing.T, s *server) *cri.Runtime {
	t.Helper()
	return serveAt(t, s, filepath.Join(t.TempDir(), "cri.sock"))
}

func serveAt(t *testing.T, s *server, path string) *cri.Runtime {
	t.Helper()
	s.fails, s.grace = orNew(s.fails), orNew(s.grace)
	listener, err := net.Listen("unix", path)
	must(t, err)
	g := grpc.NewServer()
	runtime.RegisterRuntimeServiceServer(g, s)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	t.Cleanup(func() {
		g.Stop()
		must(t, <-served)
	})
	return dial(t, "unix://"+path)
}

func orNew[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

func dial(t *testing.T, endpoint string) *cri.Runtime {
	t.Helper()
	r, err := cri.Dial(endpoint)
	must(t, err)
	t.Cleanup(r.Close)
	return r
}

// sandbox is a pod of the namespace kube-system.
func sandbox(id, name string, created int64, change func(*runtime.PodSandbox)) *runtime.PodSandbox {
	s := &runtime.PodSandbox{
		Id: id, CreatedAt: created, State: runtime.PodSandboxState_SANDBOX_READY,
		Metadata:    &runtime.PodSandboxMetadata{Name: name, Namespace: "kube-system", Uid: "uid-" + name},
		Annotations: map[string]string{"kubernetes.io/config.source": "file"},
	}
	if change != nil {
		change(s)
	}
	return s
}

// container is one of etcd.
func container(id, pod string, attempt uint32, state runtime.ContainerState) *runtime.Container {
	return &runtime.Container{
		Id: id, PodSandboxId: pod, Metadata: &runtime.ContainerMetadata{Name: "etcd", Attempt: attempt}, State: state,
		Image: &runtime.ImageSpec{Image: "sha256:1234", UserSpecifiedImage: "registry.k8s.io/etcd:v1"},
	}
}

func moment(seconds int64) time.Time { return time.Unix(seconds, 0) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
