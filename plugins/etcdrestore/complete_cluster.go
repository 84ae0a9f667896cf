package etcdrestore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
)

// A shell that asks what may follow must leave no trace: no helper pod is made, and no
// program brought onto a node. So nodes and members are those that the API server knows,
// or those of --ssh; runs are told by the programs that earlier runs have left behind
// there, or by this machine.

// registerCompletion offers nodes and members for the flags that a verb has of these.
func (o *ClusterOptions) registerCompletion(cmd *cobra.Command) error {
	var errs []error
	for flag, complete := range map[string]completer{
		"exclude-node":     o.completeNodes(),
		"from":             o.completeNodes(),
		"assert-destroyed": o.completeMembers(func(p topology.EtcdPod) string { return p.Member }),
		"members": completeList(o.completeMembers(func(p topology.EtcdPod) string {
			if p.PeerURL == "" {
				return ""
			}
			return p.Member + "=" + p.PeerURL
		})),
	} {
		if cmd.Flags().Lookup(flag) != nil {
			errs = append(errs, cmd.RegisterFlagCompletionFunc(flag, complete))
		}
	}
	return errors.Join(errs...)
}

// completeNodes offers the control-plane nodes.
func (o *ClusterOptions) completeNodes() completer {
	return completeWith(func(ctx context.Context, _ []string) ([]string, error) {
		var names []string
		for _, host := range o.hosts() {
			names = append(names, ssh.NameOf(host))
		}
		if len(names) > 0 {
			return names, nil
		}
		kube, err := o.askBriefly(ctx)
		if err != nil {
			return nil, err
		}
		for _, n := range kube.Nodes {
			names = append(names, n.Name)
		}
		return names, nil
	})
}

// hosts are those of --ssh: cobra reads the flags of a line twice to complete it.
func (o *ClusterOptions) hosts() (hosts []string) {
	for _, h := range o.SSH {
		if !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// completeMembers offers what etcd's pods tell of the members.
func (o *ClusterOptions) completeMembers(of func(topology.EtcdPod) string) completer {
	return completeWith(func(ctx context.Context, _ []string) ([]string, error) {
		kube, err := o.askBriefly(ctx)
		if err != nil {
			return nil, err
		}
		var words []string
		for _, p := range kube.Pods {
			if word := of(p); word != "" {
				words = append(words, word)
			}
		}
		return words, nil
	})
}

// askBriefly is askKubernetes for somebody who does not wait: a program that a kubeconfig
// has its token from knows no limit.
func (o *ClusterOptions) askBriefly(ctx context.Context) (*topology.Kubernetes, error) {
	type answer struct {
		kube *topology.Kubernetes
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		kube, err := o.askKubernetes(ctx)
		answered <- answer{kube, err}
	}()
	select {
	case a := <-answered:
		return a.kube, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// completeRuns offers the restores that the nodes know of, the newest first.
func (o *ClusterOptions) completeRuns() completer {
	return completeWith(func(ctx context.Context, args []string) ([]string, error) {
		var err error
		known := map[string]runStatus{} // by the ID of the decision
		switch {
		case len(o.SSH) > 0:
			err = o.runsBySSH(ctx, known)
		case o.Local:
		default:
			err = o.runOfKubernetes(ctx, known)
		}
		here := &NodeOptions{Options: o.Options, StateDir: node.DefaultRuns, streams: o.streams}
		if runs, listErr := here.runs(); listErr == nil {
			for _, r := range runs {
				add(known, newRunStatus(r))
			}
		}
		return without(runWords(known), args), err
	})
}

// add keeps what tells more of a run.
func add(known map[string]runStatus, r runStatus) {
	if r.RunPlan == nil || r.DecisionID == "" {
		return
	}
	if old, there := known[r.DecisionID]; !there || old.finished() && !r.finished() {
		known[r.DecisionID] = r
	}
}

func runWords(known map[string]runStatus) []string {
	var words []string
	for id, r := range known {
		word := id
		if r.State != "" {
			word += "\t" + r.State
		}
		if r.Begun != nil {
			word += ", begun " + r.Begun.UTC().Format(time.DateTime)
		}
		words = append(words, word)
	}
	slices.Sort(words) // an ID begins with its time
	slices.Reverse(words)
	return words
}

// runsBySSH asks the programs that are on the nodes already.
func (o *ClusterOptions) runsBySSH(ctx context.Context, known map[string]runStatus) error {
	program, err := transport.OpenProgram(o.NodeProgram)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	hosts := o.hosts()
	lists, errs := make([]runList, len(hosts)), make([]error, len(hosts))
	for i, host := range hosts {
		all.Go(func() {
			n, err := ssh.Dial(ctx, ssh.Config{Host: host, ConfigFile: o.SSHConfig, Sudo: o.SSHSudo, Program: program, OnlyIfThere: true})
			if err != nil {
				errs[i] = err
				return
			}
			errs[i] = errors.Join(askJSON(ctx, n, []string{"node", "runs", "-o", "json"}, &lists[i]), n.Close())
		})
	}
	all.Wait()
	for _, list := range lists {
		for _, r := range list.Items {
			add(known, r)
		}
	}
	return errors.Join(errs...)
}

// runOfKubernetes is the run whose data the cluster has, by the name of their directory.
func (o *ClusterOptions) runOfKubernetes(ctx context.Context, known map[string]runStatus) error {
	kube, err := o.askBriefly(ctx)
	if err != nil {
		return err
	}
	if _, id, restored := strings.Cut(kube.DataDir, "restored-"); restored {
		known[id] = runStatus{}
	}
	return nil
}
