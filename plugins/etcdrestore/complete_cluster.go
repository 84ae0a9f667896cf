package etcdrestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// A shell that asks what may follow must leave no trace: no helper pod is made, and no
// program brought onto a node.

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
		kube, err := o.askKubernetes(ctx)
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
		kube, err := o.askKubernetes(ctx)
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

// completeRuns offers the restores that this machine, the nodes of --ssh or the API server
// know of, the newest first.
func (o *ClusterOptions) completeRuns() completer {
	return completeWith(func(ctx context.Context, args []string) ([]string, error) {
		var err error
		known := map[string]string{} // what is told of each, by the ID of its decision
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
				add(known, newRunStatus(r).RunPlan)
			}
		}
		return without(runWords(known), args), err
	})
}

func add(known map[string]string, p *RunPlan) {
	if p != nil && p.DecisionID != "" && p.Snapshot.Path != "" {
		known[p.DecisionID] = fmt.Sprintf("revision %d of %s", p.Revision, output.Clean(p.Snapshot.Path))
	}
}

func runWords(known map[string]string) []string {
	var words []string
	for id, told := range known {
		if told != "" {
			id += "\t" + told
		}
		words = append(words, id)
	}
	slices.Sort(words) // an ID begins with its time
	slices.Reverse(words)
	return words
}

// runsBySSH reads the plans of the runs on the nodes, for which no program has to be there.
func (o *ClusterOptions) runsBySSH(ctx context.Context, known map[string]string) error {
	var all sync.WaitGroup
	hosts := o.hosts()
	plans, errs := make([][]byte, len(hosts)), make([]error, len(hosts))
	for i, host := range hosts {
		all.Go(func() {
			config := ssh.Config{Host: host, ConfigFile: o.SSHConfig, Sudo: o.SSHSudo}
			plans[i], errs[i] = ssh.Cat(ctx, config, journal.Plans(node.DefaultRuns))
		})
	}
	all.Wait()
	for _, text := range plans {
		for d := json.NewDecoder(bytes.NewReader(text)); ; {
			var plan json.RawMessage
			if d.Decode(&plan) != nil {
				break
			}
			add(known, newRunPlan(plan))
		}
	}
	return errors.Join(errs...)
}

// runOfKubernetes is the run whose data the cluster has, by the name of their directory.
func (o *ClusterOptions) runOfKubernetes(ctx context.Context, known map[string]string) error {
	kube, err := o.askKubernetes(ctx)
	if err != nil {
		return err
	}
	if _, id, restored := strings.Cut(kube.DataDir, "restored-"); restored {
		known[id] = ""
	}
	return nil
}
