package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Halt ends what runs of pods, whose manifests are out, and waits until the kubelet
// has let go of them, so that they can be started again at once. When it returns
// nothing of them is left in the runtime.
func (n *Node) Halt(ctx context.Context, pods ...Pod) error {
	for _, p := range pods {
		if in, err := n.Where(p); err != nil {
			return err
		} else if in {
			return fmt.Errorf("%w: that of %s is in, the kubelet would start it again", ErrManifest, p.Component)
		}
	}
	if err := n.stopInOrder(ctx, pods); err != nil {
		return err
	}
	return n.release(ctx, pods)
}

// Stopped is ErrNotStopped if something of pods can still run.
func (n *Node) Stopped(ctx context.Context, pods ...Pod) error {
	alive, err := n.Alive(ctx, pods...)
	if err == nil && len(alive) > 0 {
		err = hint.New(fmt.Errorf("%w: pod %s", ErrNotStopped, alive[0].Name), "look at it: crictl pods")
	}
	return err
}

// ProveStopped is Stopped after Halt. What a kubelet that is behind has started since is
// halted as well.
func (n *Node) ProveStopped(ctx context.Context, pods ...Pod) error {
	err := n.Stopped(ctx, pods...)
	if !errors.Is(err, ErrNotStopped) {
		return err
	}
	if halted := n.Halt(ctx, pods...); halted != nil {
		return fmt.Errorf("%w: %w", err, halted)
	}
	return n.Stopped(ctx, pods...)
}

// stopInOrder stops etcd after all that use it. What is left of those, when they have
// ended, is removed while etcd stops.
func (n *Node) stopInOrder(ctx context.Context, pods []Pod) error {
	if found, err := n.Find(ctx, pods...); err == nil && len(found) == 0 {
		return nil
	}
	var clients, etcd []Pod
	for _, p := range pods {
		if p.Component == Etcd {
			etcd = append(etcd, p)
		} else {
			clients = append(clients, p)
		}
	}
	if found, err := n.Find(ctx, clients...); err != nil || n.end(ctx, found, n.Runtime.Stop) != nil {
		if err := n.stop(ctx, clients); err != nil {
			return err
		}
	}
	var stopping errgroup.Group
	for _, some := range [][]Pod{clients, etcd} {
		stopping.Go(func() error { return n.stop(ctx, some) })
	}
	return stopping.Wait()
}

// stop ends pods through the runtime, all at once, until there is nothing left. It
// looks again and again: a kubelet that was about to start a container does so once
// more, and one that removes a container at the same moment makes the runtime refuse.
func (n *Node) stop(ctx context.Context, pods []Pod) error {
	if len(pods) == 0 {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, n.Grace+stopTime)
	defer cancel()
	for {
		found, err := n.Find(limited, pods...)
		if err == nil && len(found) == 0 {
			return nil
		}
		if err == nil {
			err = n.end(limited, found, n.stopAndRemove)
		}
		if pause(limited, tick) == nil {
			continue
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			err = fmt.Errorf("pod %s comes back", found[0].Name)
		}
		return hint.New(fmt.Errorf("%w: %w", ErrRunning, err), "look at it: crictl pods; crictl ps -a")
	}
}

// end does what ends a pod of the runtime to all at once. One that cannot be ended must
// not cut the grace period of the others short.
func (n *Node) end(ctx context.Context, pods []cri.Pod, how func(context.Context, cri.Pod, time.Duration) error) error {
	var ending errgroup.Group
	for _, p := range pods {
		ending.Go(func() error { return how(ctx, p, n.Grace) })
	}
	return ending.Wait()
}

func (n *Node) stopAndRemove(ctx context.Context, p cri.Pod, grace time.Duration) error {
	if err := n.Runtime.Stop(ctx, p, grace); err != nil {
		return err
	}
	return n.Runtime.Remove(ctx, p)
}

// release waits until the kubelet has forgotten pods that are gone, and stops what it
// starts meanwhile: one that has just started itself read the manifests before they
// were out, and one that is behind makes a sandbox, without a folder until then, of what
// was in for a moment. One that does not forget is started again. What it left running
// in that moment is nobody's then, and is stopped, too.
func (n *Node) release(ctx context.Context, pods []Pod) error {
	released, err := n.settle(ctx, pods, releaseTime, func() (bool, error) {
		held, err := n.held(pods)
		return len(held) > 0, err
	})
	if err != nil || released {
		return err
	}
	if err := n.RestartKubelet(ctx); err != nil {
		return err
	}
	return n.stopInOrder(ctx, pods)
}

// settle stops pods until nothing of them is left and the kubelet holds none of them, or
// until the time is up.
func (n *Node) settle(ctx context.Context, pods []Pod, most time.Duration, holds func() (bool, error)) (settled bool, err error) {
	limited, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	for {
		if err := n.stopInOrder(ctx, pods); err != nil {
			return false, err
		}
		held, err := holds()
		if err != nil {
			return false, err
		}
		if !held {
			if err := pause(ctx, settleTime); err != nil {
				return false, err
			}
			if found, err := n.Find(ctx, pods...); err == nil && len(found) == 0 {
				return true, nil
			}
		}
		if pause(limited, tick) != nil {
			return false, ctx.Err()
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
