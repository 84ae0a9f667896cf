package controlplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// errNoSandbox is a kubelet that does nothing about a manifest, for a reason that
// another try may end.
var errNoSandbox = errors.New("the kubelet makes no pod of its manifest")

// Start puts the manifests of pods in and waits until their containers run. Whether
// they serve is another question.
func (n *Node) Start(ctx context.Context, pods ...Pod) error {
	before, err := n.folders()
	if err != nil {
		return err
	}
	for _, p := range pods {
		if err := n.PutIn(p); err != nil {
			return err
		}
	}
	for _, p := range pods {
		if err := n.begin(ctx, p, before); err != nil {
			return fmt.Errorf("%s %w: %w", p.Component, ErrNotStarted, err)
		}
	}
	return nil
}

// begin waits until a pod runs. If the kubelet does not take it up, its manifest is
// taken out and put in once more; then the kubelet itself is started again.
func (n *Node) begin(ctx context.Context, p Pod, before folders) error {
	err := n.appear(ctx, p, before, appearTime)
	if !errors.Is(err, errNoSandbox) {
		return err
	}
	if err := n.again(ctx, p, before, func(context.Context) error { return nil }); err != nil {
		return err
	}
	if err = n.appear(ctx, p, before, appearTime); !errors.Is(err, errNoSandbox) {
		return err
	}
	if err := n.again(ctx, p, before, n.RestartKubelet); err != nil {
		return err
	}
	return n.appear(ctx, p, before, restartTime)
}

// again takes a manifest out, does something meanwhile, and puts it in, come what may:
// a kubelet that somebody mends later finds it there. What the kubelet has begun of it
// ends before: a pod that is being ended runs for a while, and would be taken for the new
// one.
func (n *Node) again(ctx context.Context, p Pod, before folders, meanwhile func(context.Context) error) error {
	if err := n.TakeOut(p); err != nil {
		return err
	}
	_, err := n.settle(ctx, []Pod{p}, containerTime, func() (bool, error) {
		held, err := n.held([]Pod{p})
		if err != nil || len(held) > 0 {
			return true, err
		}
		return n.atWork(before)
	})
	if err == nil {
		err = meanwhile(ctx)
	}
	return errors.Join(err, n.PutIn(p))
}

// appear waits until a container of the pod runs. The sandbox must be there in the
// given time, or some time later if the kubelet is at it, and so the container. A runtime
// that does not answer may do so a moment later.
func (n *Node) appear(ctx context.Context, p Pod, before folders, sandbox time.Duration) error {
	begun := time.Now()
	for {
		found, err := n.Find(ctx, p)
		s, waited := state(found, p), time.Since(begun)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			if waited > sandbox+containerTime {
				return err
			}
		case s == cri.Running:
			return nil
		case s == cri.Unknown: // no sandbox
			if waited <= sandbox {
				break
			}
			if busy, err := n.atWork(before); err != nil || !busy || waited > sandbox+containerTime {
				return errors.Join(errNoSandbox, err)
			}
		case waited > sandbox+containerTime:
			return hint.New(errors.New("its pod is there, but no container runs in it"), "look why: journalctl -u kubelet -n 50; crictl ps -a --name %s", p.Component)
		}
		if err := pause(ctx, tick); err != nil {
			return err
		}
	}
}

// state is that of the newest container of a pod: Unknown without a living sandbox,
// Created with one that has no container yet.
func state(found []cri.Pod, p Pod) cri.State {
	for _, r := range found {
		if !r.Ready {
			continue
		}
		for _, c := range r.Containers { // the newest first
			if c.Name == p.Component {
				return c.State
			}
		}
		return cri.Created
	}
	return cri.Unknown
}
