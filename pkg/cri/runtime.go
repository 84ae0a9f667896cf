// Package cri sees and stops the pods of this node through the container runtime
// itself, by the interface that the kubelet uses (CRI, k8s.io/cri-api). It works
// where the API server is dead, and where the kubelet does not do what it should.
//
// The kubelet is not asked, and starts again what it thinks should run: who wants
// a static pod gone takes its manifest away first.
package cri

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// DefaultEndpoint is where kubeadm looks for containerd.
const DefaultEndpoint = "unix:///run/containerd/containerd.sock"

var (
	// ErrUnreachable is returned when no runtime answers at the socket.
	ErrUnreachable = errors.New("no answer from the container runtime")
	// ErrEndpoint is returned for an endpoint that is no socket of this node.
	ErrEndpoint = errors.New("not a socket of a container runtime")
)

// requestTimeout is for what needs no waiting in the runtime.
const requestTimeout = 10 * time.Second

// maxAnswer is as much as the kubelet takes: a list of pods has all their annotations.
const maxAnswer = 16 << 20

// Runtime is the container runtime of this node.
type Runtime struct {
	endpoint string
	conn     *grpc.ClientConn
	client   runtime.RuntimeServiceClient
	images   runtime.ImageServiceClient
}

// Dial prepares the connection to the socket that endpoint names, as a URL
// (unix:///run/containerd/containerd.sock) or as a path. That nothing listens
// there is told by the first call.
func Dial(endpoint string) (*Runtime, error) {
	path := strings.TrimPrefix(endpoint, "unix://")
	if !strings.HasPrefix(path, "/") {
		return nil, fmt.Errorf("%w: %q", ErrEndpoint, endpoint)
	}
	conn, err := grpc.NewClient("passthrough:///localhost", // not the path: as a URL it would be another
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrEndpoint, endpoint, err)
	}
	return &Runtime{path, conn, runtime.NewRuntimeServiceClient(conn), runtime.NewImageServiceClient(conn)}, nil
}

// Close ends the connection.
func (r *Runtime) Close() { _ = r.conn.Close() }

// Version is the name and the version of the runtime.
func (r *Runtime) Version(ctx context.Context) (name, version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	v, err := r.client.Version(ctx, &runtime.VersionRequest{})
	if err != nil {
		return "", "", r.explain("ask for its version", err)
	}
	return v.GetRuntimeName(), v.GetRuntimeVersion(), nil
}

// HasImage reports whether an image, by the name that a manifest gives it, is on the
// node, so that a container of it can start without a registry.
func (r *Runtime) HasImage(ctx context.Context, image string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := r.images.ImageStatus(ctx, &runtime.ImageStatusRequest{Image: &runtime.ImageSpec{Image: image}})
	if err != nil {
		return false, r.explain("look for image "+image, err)
	}
	return answer.GetImage() != nil, nil
}

// explain tells a runtime that is not there from one that says no.
func (r *Runtime) explain(what string, err error) error {
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded:
		return hint.New(fmt.Errorf("%w at %s: %s", ErrUnreachable, r.endpoint, s.Message()),
			"look at it: systemctl status containerd crio")
	case codes.Canceled:
		return fmt.Errorf("%s: %w", what, context.Canceled)
	default:
		return fmt.Errorf("container runtime at %s: %s: %s", r.endpoint, what, s.Message())
	}
}
