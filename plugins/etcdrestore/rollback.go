package etcdrestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeRollback returns the verb node rollback.
func NewCmdNodeRollback(n *NodeOptions) *cobra.Command {
	o := &RollbackOptions{RunOptions: newRunOptions(n)}
	cmd := &cobra.Command{
		Use:   "rollback [RUN]",
		Short: "Take back a restore that is not finished",
		Long: `Take back a restore of this node that is not finished: the manifests are put
back byte for byte, and what served before serves again. Without RUN it is the
one that is not finished.

Once the API server has served the new data there is no way back, since clients
have seen them. Then --to-old-data restores what the old data directory holds on
top of it, with a revision above both: a run of its own, with all checks.

` + exitcode.Help(exitcode.All()...),
		Example: `  sudo kubectl etcd-restore node rollback

  # The restore is finished, and was a mistake
  sudo kubectl etcd-restore node rollback 20261126T120000Z-4f2a9c --to-old-data`,
		Args: oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(args); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), args)
		},
		ValidArgsFunction: n.completeRuns,
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// RollbackOptions are the flags of node rollback.
type RollbackOptions struct {
	*RunOptions
	ToOldData bool
}

// AddFlags adds all flags of the verb.
func (o *RollbackOptions) AddFlags(fs *pflag.FlagSet) {
	o.Work.AddFlags(fs)
	fs.BoolVar(&o.ToOldData, "to-old-data", false, "restore what the old data directory of a finished RUN holds")
	fs.BoolVarP(&o.Yes, "yes", "y", false, "with --to-old-data: do not ask")
	fs.StringSliceVar(&o.IgnorePreflight, "ignore-preflight-errors", nil, "with --to-old-data: `CHECKS` whose errors are shown as warnings, or all")
}

// Validate finds mistakes that no flag can find alone.
func (o *RollbackOptions) Validate(args []string) error {
	if o.ToOldData && len(args) == 0 {
		return errors.New("--to-old-data needs the name of the RUN: see node runs")
	}
	return o.Work.Validate()
}

// Run rolls back.
func (o *RollbackOptions) Run(ctx context.Context, args []string) error {
	if !o.ToOldData {
		return o.Work.withRun(args, func(run *journal.Run, work noderestore.Options) error {
			if noderejoin.IsPlan(run.Plan()) {
				return noderejoin.Rollback(ctx, run, rejoinOptions(work))
			}
			return noderestore.Rollback(ctx, run, work)
		})
	}
	old, err := o.oldData(ctx, args[0])
	if err != nil {
		return err
	}
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	o.Source, err = old.Snapshot(ctx, reporter)
	if err != nil {
		return err
	}
	reporter.Finish()
	fmt.Fprintf(o.streams.ErrOut, "The old data are in %s now, as a snapshot.\n", o.Source)
	o.Mode = string(old.Mode)
	return o.RunOptions.Run(ctx)
}

// oldData is what a run has left of the data before it. A run that could not be
// finished ends here, for good.
func (o *RollbackOptions) oldData(ctx context.Context, name string) (noderestore.OldData, error) {
	folder, run, err := o.Work.open([]string{name})
	if err != nil {
		return noderestore.OldData{}, err
	}
	defer folder.Close()
	defer run.Close()
	old, err := noderestore.OldDataOf(run)
	if state := run.State(); err == nil && state.Outcome == "" {
		if err := o.confirm(ctx, "The run "+name+" is not finished. Give it up, so that it cannot be resumed?"); err != nil {
			return noderestore.OldData{}, err
		}
		steps := newSteps(o.Options, o.streams)
		defer steps.Finish()
		err = noderestore.Abandon(run, o.Work.options(steps))
	}
	return old, err
}
