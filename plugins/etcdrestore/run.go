package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/prompt"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeRun returns the verb node run.
func NewCmdNodeRun(n *NodeOptions) *cobra.Command {
	o := newRunOptions(n)
	cmd := &cobra.Command{
		Use:   "run SNAPSHOT|PLAN",
		Short: "Restore a snapshot on this node",
		Long: `Restore a snapshot on this node, or do what a plan of node plan says.

The new data directory is made while everything still runs. Then the static pods
of the control plane are stopped, etcd comes back on the new data, and after it
the API server and the controllers. The old data directory stays. The revision
is raised above all that the old cluster reached, and every watch of old ends
with "compacted", so that controllers and kubelets list anew by themselves.

If anything fails before the API server serves the new data, everything is taken
back, and what served before serves again. Every step is on disk before it is
done: after a crash, node resume goes on, or node rollback goes back.

` + exitcode.Help(exitcode.All()...),
		Example: `  # A single control-plane node
  sudo kubectl etcd-restore node run snapshot.db

  # One of several: the same plan on every node, at the same time
  sudo kubectl etcd-restore node run plan.json --snapshot snapshot.db --yes`,
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
	if err := o.registerCompletion(cmd); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// RunOptions are the flags of node run.
type RunOptions struct {
	*PlanOptions
	Work       *WorkOptions
	Yes        bool
	NoRollback bool
	Hold       time.Duration
	OrResume   bool
}

func newRunOptions(n *NodeOptions) *RunOptions {
	return &RunOptions{PlanOptions: newPlanOptions(n), Work: &WorkOptions{NodeOptions: n}}
}

// AddFlags adds all flags of the verb.
func (o *RunOptions) AddFlags(fs *pflag.FlagSet) {
	o.PlanOptions.AddFlags(fs)
	o.Work.AddFlags(fs)
	fs.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	fs.BoolVar(&o.NoRollback, "no-rollback", false, "leave a failed run where it stands")
	fs.DurationVar(&o.Hold, "hold", 0, "once all is staged, wait so long for the word to go on, and go back without it")
	fs.BoolVar(&o.OrResume, "or-resume", false, "go on with the run of the PLAN, if there is one")
	for _, name := range []string{"hold", "or-resume"} { // for who drives several nodes
		fs.Lookup(name).Hidden = true
	}
}

// Validate finds mistakes that no flag can find alone.
func (o *RunOptions) Validate() error {
	if o.Hold < 0 {
		return fmt.Errorf("--hold must not be negative, and is %s", o.Hold)
	}
	return errors.Join(o.PlanOptions.Validate(), o.Work.Validate())
}

// Run restores.
func (o *RunOptions) Run(ctx context.Context) error {
	make, err := o.maker()
	if err != nil {
		return err
	}
	if o.OrResume {
		if begun, err := o.resume(ctx); begun || err != nil {
			return err
		}
	}
	facts, err := o.look(ctx)
	if err != nil {
		return err
	}
	plan, report, err := o.plan(ctx, facts, make)
	if err != nil {
		o.warn(report)
		return err
	}
	plan.HoldSeconds = int64((o.Hold + time.Second - 1) / time.Second)
	fmt.Fprintln(o.streams.ErrOut, planReport{plan, report, facts.Time}.words())
	if err := o.confirm(ctx, "Stop the control plane of this node and restore?"); err != nil {
		return err
	}
	folder, err := journal.Open(o.StateDir, journal.Options{})
	if err != nil {
		return err
	}
	defer folder.Close()
	return o.Work.work(func(work noderestore.Options) (*journal.Run, error) {
		work.NoRollback = o.NoRollback
		return noderestore.Run(ctx, folder, plan, work)
	})
}

func (o *RunOptions) confirm(ctx context.Context, question string) error {
	if o.Yes {
		return nil
	}
	err := prompt.Confirm(ctx, o.streams, question)
	if errors.Is(err, prompt.ErrNoTerminal) {
		return exitcode.Usage(output.WithHint(err, "add --yes to do it without being asked"))
	}
	return err
}

// WorkOptions are the flags of all verbs that go on with a run.
type WorkOptions struct {
	*NodeOptions
	Grace   time.Duration
	Timeout time.Duration
	Meet    time.Duration
	Late    time.Duration
}

// AddFlags adds the flags that say how a run is worked on.
func (o *WorkOptions) AddFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Grace, "grace-period", time.Second, "from SIGTERM to SIGKILL, for each container")
	fs.DurationVar(&o.Timeout, "timeout", 3*time.Minute, "for etcd, and for the API server, to serve")
	fs.DurationVar(&o.Meet, "meet-timeout", 15*time.Minute, "for the other nodes of a plan to have stopped as well")
	fs.DurationVar(&o.Late, "straggler-timeout", time.Minute, "for the last members, once a quorum of the new cluster serves")
}

// Validate finds mistakes that no flag can find alone.
func (o *WorkOptions) Validate() error {
	switch {
	case o.Grace < 0:
		return fmt.Errorf("--grace-period must not be negative, and is %s", o.Grace)
	case o.Timeout <= 0:
		return fmt.Errorf("--timeout must be positive, not %s", o.Timeout)
	case o.Meet <= 0:
		return fmt.Errorf("--meet-timeout must be positive, not %s", o.Meet)
	case o.Late < 0:
		return fmt.Errorf("--straggler-timeout must not be negative, and is %s", o.Late)
	case o.RootFS != "":
		return errors.New("--rootfs is for looking at a node: a restore needs the node that it runs on")
	}
	return nil
}

// work does something with a run, shows how far it is, and reports what became of it.
func (o *WorkOptions) work(do func(noderestore.Options) (*journal.Run, error)) error {
	steps := newSteps(o.Options, o.streams)
	defer steps.Finish()
	run, err := do(o.options(steps))
	steps.Finish()
	if run == nil {
		return err
	}
	defer run.Close()
	if err != nil {
		return err
	}
	return o.printDone(o.streams, "the run "+run.Name+" is finished", reportOf(run))
}

func (o *WorkOptions) options(p noderestore.Progress) noderestore.Options {
	work := noderestore.Options{Grace: o.Grace, Timeout: o.Timeout, Meet: o.Meet, Straggler: o.Late, Progress: p}
	work.Kubeconfigs = o.kubeconfigs()
	return work
}
