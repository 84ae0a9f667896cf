package node

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/kubelet"
)

func (l *looker) kubelet(ctx context.Context) (kubelet.State, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	k := l.facts.Kubelet
	address := k.Config.Healthz
	if address == "" { // not known, or switched off
		address = kubelet.DefaultHealthz
	}
	state, err := kubelet.Find(ctx, address)
	if k.ConfigErr == nil && k.Config.Healthz == "" {
		state.Healthy = hint.New(fmt.Errorf("%w: its configuration switches its health port off", kubelet.ErrUnhealthy),
			"remove healthzPort: 0 from /var/lib/kubelet/config.yaml and restart the kubelet")
	}
	return state, err
}

func (l *looker) runtime(ctx context.Context) (r Runtime) {
	r.Endpoint = l.facts.Kubelet.Config.RuntimeEndpoint
	if r.Endpoint == "" {
		r.Endpoint = cri.DefaultEndpoint
	}
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	rt, err := cri.Dial(l.local(r.Endpoint))
	if err != nil {
		r.Err = err
		return r
	}
	defer rt.Close()
	if r.Name, r.Version, r.Err = rt.Version(ctx); r.Err == nil {
		r.Pods, r.Err = rt.Pods(ctx, cri.Filter{Namespace: "kube-system"})
	}
	for _, image := range l.facts.Manifests.images() {
		if there, err := rt.HasImage(ctx, image); err == nil && !there {
			r.Missing = append(r.Missing, image)
		}
	}
	return r
}

// images are those of all static pods.
func (m *Manifests) images() (images []string) {
	if m.Err != nil {
		return nil
	}
	for _, f := range m.Folder.Files {
		if f.Manifest == nil { // nobody can read it
			continue
		}
		pod := &f.Manifest.Pod
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			if !slices.Contains(images, c.Image) {
				images = append(images, c.Image)
			}
		}
	}
	return images
}

// local is an endpoint of the node as we see it.
func (l *looker) local(endpoint string) string {
	path := strings.TrimPrefix(endpoint, "unix://")
	if !strings.HasPrefix(path, "/") {
		return endpoint
	}
	return "unix://" + l.node.Path(path)
}
