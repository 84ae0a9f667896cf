package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/node"
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
	Snapshot   string
	Yes        bool
	NoRollback bool

	given func(flag string) bool
}

func newRunOptions(n *NodeOptions) *RunOptions {
	return &RunOptions{
		PlanOptions: &PlanOptions{NodeOptions: n}, Work: &WorkOptions{NodeOptions: n},
		given: func(string) bool { return false },
	}
}

// AddFlags adds all flags of the verb.
func (o *RunOptions) AddFlags(fs *pflag.FlagSet) {
	o.PlanOptions.AddFlags(fs)
	o.Work.AddFlags(fs)
	fs.StringVar(&o.Snapshot, "snapshot", "", "the snapshot of a plan, if it is in another `FILE` here")
	fs.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	fs.BoolVar(&o.NoRollback, "no-rollback", false, "leave a failed run where it stands")
	o.given = fs.Changed
}

// Validate finds mistakes that no flag can find alone.
func (o *RunOptions) Validate() error {
	return errors.Join(o.PlanOptions.Validate(), o.Work.Validate())
}

// Run restores.
func (o *RunOptions) Run(ctx context.Context) error {
	make, err := o.maker()
	if err != nil {
		return err
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

// maker is what makes the plan. In a plan file all is decided: a flag that says
// otherwise must not be passed over in silence.
func (o *RunOptions) maker() (maker, error) {
	isPlan, err := o.isPlan()
	switch {
	case err != nil:
		return nil, err
	case !isPlan && o.Snapshot != "":
		return nil, exitcode.Usage(fmt.Errorf("--snapshot is for a plan, and %s is none", o.Source))
	case !isPlan:
		return o.make, nil
	case len(o.Members) > 0 || len(o.Destroyed) > 0 || o.SkipHashCheck || o.given("data-dir-mode"):
		return nil, exitcode.Usage(output.WithHint(fmt.Errorf("%s is a plan, in which --member, --assert-destroyed, --skip-hash-check and --data-dir-mode are decided", o.Source), "leave them out, or make another plan with node plan"))
	}
	return o.adopt, nil
}

// isPlan looks at how the file begins. What is no file has no beginning that could be
// read twice, and a pipe without a writer would never open.
func (o *RunOptions) isPlan() (bool, error) {
	if info, err := os.Stat(o.Source); err != nil || !info.Mode().IsRegular() {
		return false, nil // the snapshot's own check says what is wrong
	}
	f, err := os.Open(o.Source)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 64)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil // the snapshot's own check says what is wrong
	}
	return noderestore.IsPlan(head[:n]), nil
}

// adopt is the maker for a plan file.
func (o *RunOptions) adopt(ctx context.Context, facts *node.Facts) (*noderestore.Plan, error) {
	text, err := os.ReadFile(o.Source)
	if err != nil {
		return nil, err
	}
	if text, err = yaml.YAMLToJSON(text); err != nil { // JSON is YAML, too
		return nil, fmt.Errorf("%w: %w", noderestore.ErrPlan, err)
	}
	plan, err := noderestore.Decode(text)
	if err != nil {
		return nil, err
	}
	if o.Snapshot != "" {
		if plan.Decision.Snapshot.Path, err = filepath.Abs(o.Snapshot); err != nil {
			return nil, err
		}
	}
	return plan, plan.Adopt(ctx, facts)
}

// WorkOptions are the flags of all verbs that go on with a run.
type WorkOptions struct {
	*NodeOptions
	Grace   time.Duration
	Timeout time.Duration
	Meet    time.Duration
}

// AddFlags adds the flags that say how a run is worked on.
func (o *WorkOptions) AddFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Grace, "grace-period", 2*time.Second, "from SIGTERM to SIGKILL, for each container")
	fs.DurationVar(&o.Timeout, "timeout", 3*time.Minute, "for etcd, and for the API server, to serve")
	fs.DurationVar(&o.Meet, "meet-timeout", 15*time.Minute, "for the other nodes of a plan to have stopped as well")
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
	return o.printDone(o.streams, "the run "+run.Name+" is finished", newWorkReport(run))
}

func (o *WorkOptions) options(p noderestore.Progress) noderestore.Options {
	work := noderestore.Options{Grace: o.Grace, Timeout: o.Timeout, Meet: o.Meet, Progress: p}
	if file := o.KubeConfig; file != nil && *file != "" {
		work.Kubeconfigs = []string{*file}
	}
	return work
}
