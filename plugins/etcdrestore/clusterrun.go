package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/prompt"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdRun returns the verb run.
func NewCmdRun(streams Streams, opts *Options) *cobra.Command {
	o := newClusterRunOptions(streams, opts)
	cmd := &cobra.Command{
		Use:         "run SNAPSHOT|PLAN",
		Annotations: map[string]string{annotationCluster: ""},
		Short:       "Restore the whole control plane",
		Long: `Restore a snapshot on all nodes of the control plane, or do what a plan says.

While the cluster still serves, the snapshot goes to all nodes, and each makes
its new data directory. Until then anything that fails, and Ctrl-C, takes all
back: nothing was stopped. Then all are told to go on, and do the rest by
themselves: stop, prove that the old etcd is stopped on every node, start the
new one, commit, let the API servers come up, verify. If that fails before the
commit, all nodes go back to the old data. This machine only watches: it may go
away, and resume or status from any other finds the run again.

A hook is a command for sh on this machine, before or after a phase: stage,
stop, cutover, start, verify, post-restore. It finds the run, the phase and the
nodes in ETCD_RESTORE_RUN, ETCD_RESTORE_PHASE and ETCD_RESTORE_NODES. Up to
before-stop a hook that fails ends the restore. The nodes do not wait for later
ones: these run when all nodes are seen to be through with the phase, and only
warn.

` + exitcode.Help(exitcode.All()...),
		Example: `  # The API server answers
  kubectl etcd-restore run snapshot.db

  # It does not: over ssh
  kubectl etcd-restore run snapshot.db \
    --ssh root@cp1 --ssh root@cp2 --ssh root@cp3

  # A plan that was looked at before
  kubectl etcd-restore run plan.json --yes

  # One node is down: it is brought back later with rejoin
  kubectl etcd-restore run snapshot.db \
    --ssh root@cp1 --ssh root@cp2 --exclude-node cp3`,
		Args: verb.OneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Source = args[0]
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	err := errors.Join(
		o.registerCompletion(cmd),
		cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions(dryRuns(), cobra.ShellCompDirectiveNoFileComp)),
	)
	if err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// The values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

func dryRuns() []string { return []string{dryRunNone, dryRunClient, dryRunServer} }

// ClusterWorkOptions are the flags of all verbs that work on a run of all nodes.
type ClusterWorkOptions struct {
	Timeout  time.Duration
	Serve    time.Duration
	Grace    time.Duration
	Meet     time.Duration
	Straggle time.Duration
}

// AddFlags adds the flags that say how a run is worked on.
func (o *ClusterWorkOptions) AddFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Timeout, "timeout", 30*time.Minute, "how long to watch the nodes, which go on without us")
	fs.DurationVar(&o.Serve, "serve-timeout", 3*time.Minute, "for etcd, and for an API server, to serve")
	fs.DurationVar(&o.Grace, "grace-period", 2*time.Second, "from SIGTERM to SIGKILL, for each container")
	fs.DurationVar(&o.Meet, "meet-timeout", 2*time.Minute, "for the nodes to wait for each other with everything stopped")
	fs.DurationVar(&o.Straggle, "straggler-timeout", time.Minute, "for a node that is not heard of when all others have ended")
}

// Validate finds mistakes that no flag can find alone.
func (o *ClusterWorkOptions) Validate() error {
	for flag, d := range map[string]time.Duration{"timeout": o.Timeout, "serve-timeout": o.Serve, "meet-timeout": o.Meet, "straggler-timeout": o.Straggle} {
		if d <= 0 {
			return fmt.Errorf("--%s must be positive, not %s", flag, d)
		}
	}
	if o.Grace < 0 {
		return fmt.Errorf("--grace-period must not be negative, and is %s", o.Grace)
	}
	return nil
}

// ClusterRunOptions are the flags of run.
type ClusterRunOptions struct {
	*ClusterPlanOptions
	ClusterWorkOptions
	Yes        bool
	DryRun     string
	NoRollback bool
	Hold       time.Duration
	Hooks      []string

	hooks []hook
}

func newClusterRunOptions(streams Streams, opts *Options) *ClusterRunOptions {
	return &ClusterRunOptions{ClusterPlanOptions: newClusterPlanOptions(streams, opts)}
}

// AddFlags adds all flags of the verb.
func (o *ClusterRunOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterPlanOptions.AddFlags(fs)
	o.ClusterWorkOptions.AddFlags(fs)
	fs.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	fs.StringVar(&o.DryRun, "dry-run", dryRunNone, "`MODE`: client (decide here, from what the nodes tell) or server (all checks on all nodes); nothing is changed")
	fs.Lookup("dry-run").NoOptDefVal = dryRunClient
	fs.BoolVar(&o.NoRollback, "no-rollback", false, "leave a node that fails where it stands")
	fs.DurationVar(&o.Hold, "hold", defaultHold, "for a node that has staged to wait for the word to go on, before it goes back by itself")
	fs.StringArrayVar(&o.Hooks, "hook", nil, "before or after a phase, run a command here: `PHASE=CMD`; repeat it")
}

// Validate finds mistakes that no flag can find alone.
func (o *ClusterRunOptions) Validate() (err error) {
	switch {
	case !slices.Contains(dryRuns(), o.DryRun):
		return fmt.Errorf("--dry-run must be none, client or server, not %q", o.DryRun)
	case o.Hold < time.Minute:
		return fmt.Errorf("--hold must be a minute at least, not %s", o.Hold)
	}
	if o.hooks, err = parseHooks(o.Hooks); err != nil {
		return err
	}
	return errors.Join(o.ClusterPlanOptions.Validate(), o.ClusterWorkOptions.Validate())
}

// Run restores.
func (o *ClusterRunOptions) Run(ctx context.Context) error {
	work, err := o.prepare(ctx)
	if err != nil {
		return err
	}
	defer work.Close()
	if o.DryRun == dryRunClient {
		return o.print(o.streams.Out, work.report())
	}
	err = o.ask(ctx, work, true)
	if ctx.Err() != nil {
		return err
	}
	if o.DryRun == dryRunServer {
		return errors.Join(o.print(o.streams.Out, work.report()), err)
	}
	fmt.Fprintln(o.streams.ErrOut, work.report().words())
	if err != nil {
		return err
	}
	if !o.Yes {
		fmt.Fprint(o.streams.ErrOut, work.report().stakes())
	}
	if err := o.confirm(ctx, "Stop the control plane on "+andList(work.plan.Names())+", and restore?"); err != nil {
		return err
	}
	return o.restore(ctx, work)
}

func (o *ClusterRunOptions) confirm(ctx context.Context, question string) error {
	if o.Yes {
		return nil
	}
	err := prompt.Confirm(ctx, o.streams, question)
	if errors.Is(err, prompt.ErrNoTerminal) {
		return exitcode.Usage(output.WithHint(err, "add --yes to do it without being asked"))
	}
	return err
}

// restore carries the plan out.
func (o *ClusterRunOptions) restore(ctx context.Context, w *clusterWork) error {
	p := newClusterProgress(o.Options, o.streams, w.plan.ID(), w.plan.Names())
	defer p.Finish()
	work := o.options(&o.ClusterOptions, p)
	work.Snapshot, work.Ignore, work.NoRollback, work.Hold = w.snapshot, o.IgnorePreflight, o.NoRollback, o.Hold
	work.Hooks = &hookRunner{o.hooks, w.plan.ID(), w.plan.Names(), p, p.Hook}
	result, err := recovery.Restore(ctx, w.plan, w.ways, work)
	p.Finish()
	return o.done(ctx, w.Nodes, result, w.plan.Excluded, w.plane, err)
}

// defaultHold is how long a node that has staged waits for the word to go on.
const defaultHold = 15 * time.Minute

// reachPatience is how long a node may not be heard of while nothing is stopped yet.
const reachPatience = time.Minute

// options are what the flags say.
func (o *ClusterWorkOptions) options(c *ClusterOptions, p recovery.Progress) recovery.Options {
	return recovery.Options{
		Grace: o.Grace, Serve: o.Serve, Meet: o.Meet, Reach: reachPatience,
		Timeout: o.Timeout, Straggle: o.Straggle, Progress: p, Command: c.command,
	}
}
