package cri

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Stop ends all containers of a pod, all at once, and its sandbox. A container gets
// SIGTERM, and SIGKILL when it is not gone after the grace period, which the runtime
// counts in whole seconds.
func (r *Runtime) Stop(ctx context.Context, p Pod, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+30*time.Second)
	defer cancel()
	errs := make([]error, len(p.Containers))
	var stopping sync.WaitGroup
	for i, c := range p.Containers {
		if c.State == Exited {
			continue
		}
		stopping.Go(func() {
			_, err := r.client.StopContainer(ctx, &runtime.StopContainerRequest{
				ContainerId: c.ID, Timeout: int64((grace + time.Second - 1) / time.Second),
			})
			errs[i] = r.unlessGone("stop container "+c.Name+" of pod "+p.Name, err)
		})
	}
	stopping.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := r.client.StopPodSandbox(ctx, &runtime.StopPodSandboxRequest{PodSandboxId: p.ID})
	return r.unlessGone("stop pod "+p.Name, err)
}

// Remove removes a pod that was stopped, its containers with it: what the kubelet
// counts when it backs off from starting one again is gone then, too. Their logs stay.
func (r *Runtime) Remove(ctx context.Context, p Pod) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := r.client.RemovePodSandbox(ctx, &runtime.RemovePodSandboxRequest{PodSandboxId: p.ID})
	return r.unlessGone("remove pod "+p.Name, err)
}

func (r *Runtime) unlessGone(what string, err error) error {
	if err == nil || status.Code(err) == codes.NotFound {
		return nil
	}
	return r.explain(what, err)
}
