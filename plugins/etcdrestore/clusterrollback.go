package etcdrestore

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdRollback returns the verb rollback.
func NewCmdRollback(streams Streams, opts *Options) *cobra.Command {
	o := &ClusterRollbackOptions{ClusterResumeOptions: ClusterResumeOptions{ClusterOptions: ClusterOptions{Options: opts, streams: streams}}}
	cmd := &cobra.Command{
		Use:         "rollback [RUN]",
		Annotations: map[string]string{annotationCluster: ""},
		Short:       "Take back a restore that is not committed",
		Long: `Take back a restore of the control plane on all nodes: the manifests are put
back byte for byte, and what served before serves again. Without RUN it is the
one that is not finished.

Once the new cluster is committed there is no way back, since clients may have
seen its data. Then --to-old-data restores what the old data directories of all
nodes hold on top of it, with a revision above both: a run of its own, with all
checks.

` + exitcode.Help(exitcode.All()...),
		Example: `  kubectl etcd-restore rollback --ssh root@cp1 --ssh root@cp2 --ssh root@cp3

  # The restore is finished, and was a mistake
  kubectl etcd-restore rollback 20261126T120000Z-4f2a --to-old-data`,
		Args:              oneRun,
		ValidArgsFunction: completeOnce(o.completeRuns()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(args); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), args)
		},
	}
	o.AddFlags(cmd.Flags())
	if err := o.registerCompletion(cmd); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// ClusterRollbackOptions are the flags of rollback.
type ClusterRollbackOptions struct {
	ClusterResumeOptions
	ToOldData       bool
	Yes             bool
	ExcludeNode     []string
	IgnorePreflight []string
}

// AddFlags adds all flags of the verb.
func (o *ClusterRollbackOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterResumeOptions.AddFlags(fs)
	fs.BoolVar(&o.ToOldData, "to-old-data", false, "restore what the old data directories of a finished RUN hold")
	fs.BoolVarP(&o.Yes, "yes", "y", false, "with --to-old-data: do not ask")
	fs.StringArrayVar(&o.ExcludeNode, "exclude-node", nil, "with --to-old-data: leave this `NODE` out")
	fs.StringSliceVar(&o.IgnorePreflight, "ignore-preflight-errors", nil, "with --to-old-data: `CHECKS` whose errors are shown as warnings, or all")
}

// Validate finds mistakes that no flag can find alone.
func (o *ClusterRollbackOptions) Validate(args []string) error {
	switch {
	case o.ToOldData && len(args) == 0:
		return errors.New("--to-old-data needs the RUN: see status, or node runs")
	case !o.ToOldData && (o.Yes || len(o.ExcludeNode) > 0 || len(o.IgnorePreflight) > 0):
		return errors.New("--yes, --exclude-node and --ignore-preflight-errors go with --to-old-data")
	}
	return o.ClusterResumeOptions.Validate()
}

// Run rolls back.
func (o *ClusterRollbackOptions) Run(ctx context.Context, args []string) error {
	if o.ToOldData {
		return o.toOldData(ctx, args[0])
	}
	return o.work(ctx, args, recovery.Rollback)
}
