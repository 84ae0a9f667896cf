package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	helperpod "github.com/etcd-restore/etcd-restore/pkg/transport/pod"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// podOptions are how a verb wants its helper pods.
type podOptions struct {
	DataOnly bool          // no more than etcd's data are read, or etcd itself; no kubelet is looked at
	Deadline time.Duration // 0 is the default
}

// cluster is the one that kubectl's flags name.
func (o *ClusterOptions) cluster() (*helperpod.Cluster, error) {
	config, err := o.restConfig()
	if err != nil {
		return nil, output.WithHint(fmt.Errorf("%w: no API server is known: %w", errNoWay, err),
			"name a kubeconfig: --kubeconfig FILE; or go to the nodes by ssh, all of them: --ssh root@HOST --ssh root@HOST ...")
	}
	return helperpod.Connect(config)
}

// connectPods makes a helper pod on every control-plane node, all at once.
func (o *ClusterOptions) connectPods(ctx context.Context, program transport.Program) (*Nodes, error) {
	cluster, err := o.cluster()
	if err != nil {
		return nil, err
	}
	opts := helperpod.Options{Program: program, Image: o.HelperImage, HostPID: !o.pods.DataOnly, Deadline: o.pods.Deadline}
	targets, err := cluster.Targets(ctx, opts)
	if err != nil {
		return nil, err
	}
	opened := make([]*helperpod.Node, len(targets))
	errs := make([]error, len(targets))
	var all sync.WaitGroup
	for i, t := range targets {
		all.Go(func() { opened[i], errs[i] = cluster.Open(ctx, t, opts) })
	}
	all.Wait()
	nodes := &Nodes{}
	for i, t := range targets {
		if errs[i] != nil {
			nodes.Failed = append(nodes.Failed, Unreached{t.Name, errs[i]})
			continue
		}
		nodes.All = append(nodes.All, opened[i])
	}
	if err := ctx.Err(); err != nil {
		return nil, errors.Join(err, nodes.Close())
	}
	if len(nodes.All) == 0 {
		return nil, fmt.Errorf("%w: %w", errNoWay, errors.Join(errs...))
	}
	return nodes, nil
}
