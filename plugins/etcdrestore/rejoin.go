package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/prompt"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdRejoin returns the verb rejoin.
func NewCmdRejoin(streams Streams, opts *Options) *cobra.Command {
	o := &RejoinOptions{ClusterOptions: &ClusterOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:   "rejoin NODE",
		Short: "Bring a node back into the etcd cluster of the others",
		Long: `Bring a control-plane node back into the etcd cluster of the others: one that a
restore has left out, or whose data are lost while the others have a quorum.

On the node the control plane is stopped. A member that was there is removed, a
learner is added, etcd begins in an empty directory and gets its vote once it
has all data; then API server and controllers come back. The old data of the
node stay. The node does this by itself once it has begun: this command only
follows, and given again it goes on with what was interrupted.

` + exitcode.Help(exitcode.All()...),
		Example: `  # cp3 was left out of the restore, and has been repaired
  kubectl etcd-restore rejoin cp3 --ssh root@cp1 --ssh root@cp2 --ssh root@cp3`,
		Annotations: map[string]string{annotationCluster: ""},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return verb.UsageError(cmd, fmt.Errorf("one NODE expected, got %d arguments", len(args)))
			}
			return nil
		},
		ValidArgsFunction: completeOnce(o.completeNodes()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), args[0])
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// RejoinOptions are the flags of rejoin.
type RejoinOptions struct {
	*ClusterOptions
	ClusterID string
	Mode      string
	Sync      time.Duration
	DryRun    bool
	Yes       bool
}

// AddFlags adds all flags of the verb.
func (o *RejoinOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	fs.StringVar(&o.ClusterID, "cluster-id", "", "the `ID` of the cluster to join, if the others are of several")
	fs.StringVar(&o.Mode, "data-dir-mode", "", "`MODE`: manifest (etcd.yaml names the new directory) or swap (the old one moves aside); default: what gives it the name that kubeadm knows")
	fs.DurationVar(&o.Sync, "sync-timeout", syncTime, "for etcd to have all data of the cluster")
	fs.BoolVar(&o.DryRun, "dry-run", false, "only show what would be done")
	fs.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
}

// Run rejoins.
func (o *RejoinOptions) Run(ctx context.Context, name string) error {
	nodes, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer nodes.Close()
	facts := askFacts(ctx, nodes.All, "", 0)
	if err := ctx.Err(); err != nil {
		return err
	}
	at := slices.IndexFunc(facts, func(f proof.Facts) bool { return f.Node == name })
	if at < 0 || facts[at].Error != "" {
		return o.notReached(nodes, facts, name)
	}
	target, others := nodes.All[at], slices.Delete(slices.Clone(facts), at, at+1)
	if len(facts[at].Open) > 0 {
		return o.goOn(ctx, target, name)
	}
	args, err := o.arguments(others)
	if err != nil {
		return err
	}
	var plan noderejoin.Plan
	if err := askJSON(ctx, target, append(slices.Clone(args), "--dry-run", "-o", "json"), &plan); err != nil {
		return err
	}
	if o.DryRun {
		return o.print(o.streams.Out, rejoinPlan{&plan})
	}
	fmt.Fprintln(o.streams.ErrOut, rejoinPlan{&plan}.words())
	if err := o.confirm(ctx, "Stop the control plane of "+name+" and rejoin?"); err != nil {
		return err
	}
	args = append(args, "--yes", "--id", plan.ID)
	if err := target.Leave(ctx, transport.Job{Name: "rejoin-" + strings.ToLower(plan.ID), Args: args}); err != nil {
		return err
	}
	return o.follow(ctx, target, name, plan.ID)
}

func (o *RejoinOptions) confirm(ctx context.Context, question string) error {
	if o.Yes {
		return nil
	}
	err := prompt.Confirm(ctx, o.streams, question)
	if errors.Is(err, prompt.ErrNoTerminal) {
		return exitcode.Usage(output.WithHint(err, "add --yes to do it without being asked"))
	}
	return err
}

func (o *RejoinOptions) notReached(nodes *Nodes, facts []proof.Facts, name string) error {
	var known []string
	for _, f := range facts {
		if f.Node == name {
			return fmt.Errorf("%s: %s", name, f.Error)
		}
		known = append(known, f.Node)
	}
	err := fmt.Errorf("%w: %s is none of %s", errNoWay, name, strings.Join(known, ", "))
	for _, f := range nodes.Failed {
		err = fmt.Errorf("%w; %s: %w", err, f.Name, f.Err)
	}
	return output.WithHint(err, "it has to be up, with its kubelet: name it with --ssh")
}

// goOn takes up what was begun on the node.
func (o *RejoinOptions) goOn(ctx context.Context, target transport.Node, name string) error {
	var runs runList
	if err := askJSON(ctx, target, []string{"node", "runs", "-o", "json"}, &runs); err != nil {
		return err
	}
	for _, r := range runs.Items {
		if r.finished() {
			continue
		}
		if r.RunPlan == nil || r.Kind != noderejoin.Kind {
			return output.WithHint(fmt.Errorf("%w: a restore of %s is not finished: run %s", noderejoin.ErrNode, name, r.Name),
				"finish it first, that may be all it takes: %s resume", o.Program)
		}
		fmt.Fprintf(o.streams.ErrOut, "Going on with run %s of %s.\n", r.Name, name)
		if !r.Working {
			job := transport.Job{Name: "rejoin-" + strings.ToLower(r.DecisionID), Args: []string{"node", "resume", r.Name}}
			if err := target.Leave(ctx, job); err != nil {
				return err
			}
		}
		return o.follow(ctx, target, name, r.DecisionID)
	}
	return fmt.Errorf("%w: a run of %s was there and is not", noderejoin.ErrNode, name)
}

// arguments are those of node rejoin: where the cluster of the others is, and what kubeadm
// knows of its directory.
func (o *RejoinOptions) arguments(others []proof.Facts) ([]string, error) {
	var endpoints, clusters []string
	dataDir := ""
	for _, f := range others {
		e := f.Etcd
		if f.Error != "" || e.Error != "" || e.Leader == "" || e.Learner || o.ClusterID != "" && e.ClusterID != o.ClusterID {
			continue
		}
		if !slices.Contains(clusters, e.ClusterID) {
			clusters = append(clusters, e.ClusterID)
		}
		for _, m := range e.Members {
			if m.ID == e.MemberID && len(m.Clients) > 0 {
				endpoints = append(endpoints, m.Clients[0])
			}
		}
		if dataDir == "" || f.API.DataDir != "" {
			dataDir = f.DataDir
			if f.API.DataDir != "" {
				dataDir = f.API.DataDir
			}
		}
	}
	switch {
	case len(endpoints) == 0:
		return nil, output.WithHint(fmt.Errorf("%w: none of the other nodes has an etcd that serves", noderejoin.ErrCluster), "%s status says what to do", o.Program)
	case len(clusters) > 1:
		return nil, output.WithHint(fmt.Errorf("%w: the other nodes serve several: %s", noderejoin.ErrCluster, strings.Join(clusters, ", ")),
			"say which one is right: --cluster-id ID")
	}
	args := []string{"node", "rejoin", "--endpoints", strings.Join(endpoints, ","), "--cluster-id", clusters[0], "--sync-timeout", o.Sync.String()}
	if dataDir != "" {
		args = append(args, "--others-data-dir", dataDir)
	}
	if o.Mode != "" {
		args = append(args, "--data-dir-mode", o.Mode)
	}
	return args, nil
}
