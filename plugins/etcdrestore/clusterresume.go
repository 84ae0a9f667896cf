package etcdrestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdResume returns the verb resume.
func NewCmdResume(streams Streams, opts *Options) *cobra.Command {
	o := &ClusterResumeOptions{ClusterOptions: ClusterOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:         "resume [RUN]",
		Annotations: map[string]string{annotationCluster: ""},
		Short:       "Go on with a restore of the control plane, or watch it again",
		Long: `Go on with a restore of the control plane wherever it stopped, from any machine:
the nodes know of it. Without RUN it is the one that is not finished. Nodes that
are at work are watched; on the others the work is taken up again. A run that
was on its way back goes on with that.

A run that no node was let go on with goes on if all its nodes are ready to. If
they are not it is given up, with nothing stopped.

` + exitcode.Help(exitcode.All()...),
		Example:           `  kubectl etcd-restore resume --ssh root@cp1 --ssh root@cp2 --ssh root@cp3`,
		Args:              oneRun,
		ValidArgsFunction: completeOnce(o.completeRuns()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), args)
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// ClusterResumeOptions are the flags of resume.
type ClusterResumeOptions struct {
	ClusterOptions
	ClusterWorkOptions
}

// AddFlags adds all flags of the verb.
func (o *ClusterResumeOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	o.ClusterWorkOptions.AddFlags(fs)
}

// Validate finds mistakes that no flag can find alone.
func (o *ClusterResumeOptions) Validate() error {
	return errors.Join(o.ClusterOptions.Validate(), o.ClusterWorkOptions.Validate())
}

// Run goes on.
func (o *ClusterResumeOptions) Run(ctx context.Context, args []string) error {
	return o.work(ctx, args, recovery.Resume)
}

// worker does something with a run that was found.
type worker func(context.Context, *recovery.Found, recovery.Nodes, recovery.Options) (*recovery.Result, error)

// work finds the run that the arguments name, and does something with it.
func (o *ClusterResumeOptions) work(ctx context.Context, args []string, do worker) error {
	nodes, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer nodes.Close()
	for _, f := range nodes.Failed {
		fmt.Fprintf(o.streams.ErrOut, "warning: %s cannot be reached: %s\n", f.Name, output.Clean(f.Err.Error()))
	}
	run := ""
	if len(args) > 0 {
		run = args[0]
	}
	found, ways, err := recovery.Find(ctx, nodes.All, run)
	if errors.Is(err, journal.ErrNoRun) && run == "" {
		return output.WithHint(err, "see where it stands: %s; a finished run is taken back with: %s", o.command("status"), o.command("rollback RUN --to-old-data"))
	}
	if err != nil {
		return err
	}
	p := newClusterProgress(o.Options, o.streams, found.Run, found.Names())
	defer p.Finish()
	result, err := do(ctx, found, ways, o.options(&o.ClusterOptions, p))
	p.Finish()
	return o.done(ctx, nodes, result, nil, nil, err)
}
