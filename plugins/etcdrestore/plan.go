package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodePlan returns the verb node plan.
func NewCmdNodePlan(n *NodeOptions) *cobra.Command {
	o := newPlanOptions(n)
	cmd := &cobra.Command{
		Use:   "plan SNAPSHOT|PLAN",
		Short: "Show what a restore of this node would do, and whether it could",
		Long: `Show what a restore of a snapshot on this node would do, and run all checks
before it. Nothing is changed.

With -o json it is a plan file. For a cluster with several members make it once,
on one node, and run it on every node: token, members and revision are then the
same on all of them, without which they would be several clusters.

Given a PLAN, it shows what that would do on this node; - reads it from standard
input. One that was made for this member is compared with what the member is
now, and refused if that has changed.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  sudo kubectl etcd-restore node plan snapshot.db

  # For three members; then copy plan.json and the snapshot to every node
  sudo kubectl etcd-restore node plan snapshot.db -o json \
    --member cp2=https://10.0.0.2:2380 \
    --member cp3=https://10.0.0.3:2380 > plan.json

  # What that plan would do on another node
  sudo kubectl etcd-restore node plan plan.json --snapshot snapshot.db`,
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
	cmd.Flags().BoolVar(&o.WithoutSnapshot, "without-snapshot", false, "the snapshot of a PLAN is not on this node yet: leave out what would have to be read of it")
	if err := o.registerCompletion(cmd); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// PlanOptions are the flags of node plan, and those of node run that decide what is
// restored.
type PlanOptions struct {
	*NodeOptions
	Source          string // a snapshot or a plan
	Mode            string
	Members         []string
	Destroyed       []string
	SkipHashCheck   bool
	IgnorePreflight []string
	Snapshot        string // of a plan
	WithoutSnapshot bool

	given func(flag string) bool
}

func newPlanOptions(n *NodeOptions) *PlanOptions {
	return &PlanOptions{NodeOptions: n, given: func(string) bool { return false }}
}

// AddFlags adds the flags that say what is restored.
func (o *PlanOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.Mode, "data-dir-mode", string(noderestore.ModeManifest), "`MODE`: manifest (etcd.yaml names the new directory) or swap (the directories change names)")
	fs.StringArrayVar(&o.Members, "member", nil, "another member of the new cluster, as `NAME=URL` of its peer port; repeat it")
	fs.StringArrayVar(&o.Destroyed, "assert-destroyed", nil, "vouch that the old member `NAME` will never run with its data again; repeat it")
	fs.BoolVar(&o.SkipHashCheck, "skip-hash-check", false, "take a copy of a database, which has no hash, after a check of its structure")
	fs.StringVar(&o.Snapshot, "snapshot", "", "the snapshot of a plan, if it is in another `FILE` here")
	o.given = fs.Changed
	fs.StringSliceVar(&o.IgnorePreflight, "ignore-preflight-errors", nil, "`CHECKS` whose errors are shown as warnings, or all")
}

func modes() []string {
	return []string{string(noderestore.ModeManifest), string(noderestore.ModeSwap)}
}

func (o *PlanOptions) registerCompletion(cmd *cobra.Command) error {
	return errors.Join(
		cmd.RegisterFlagCompletionFunc("data-dir-mode", cobra.FixedCompletions(modes(), cobra.ShellCompDirectiveNoFileComp)),
		cmd.RegisterFlagCompletionFunc("ignore-preflight-errors", cobra.FixedCompletions(append(preflight.Names(), preflight.All), cobra.ShellCompDirectiveNoFileComp)),
	)
}

// Validate finds mistakes that no flag can find alone.
func (o *PlanOptions) Validate() error {
	switch {
	case !slices.Contains(modes(), o.Mode):
		return fmt.Errorf("--data-dir-mode must be %s, not %q", strings.Join(modes(), " or "), o.Mode)
	case o.RootFS != "":
		return errors.New("--rootfs is for looking at a node: a restore needs the node that it runs on")
	case o.WithoutSnapshot && o.Snapshot != "":
		return errors.New("--without-snapshot and --snapshot contradict each other")
	}
	for _, m := range o.Members {
		if name, url, ok := strings.Cut(m, "="); !ok || name == "" || url == "" {
			return fmt.Errorf("--member must be NAME=URL, not %q", m)
		}
	}
	return nil
}

// Run makes the plan and prints it, whatever the checks say of it.
func (o *PlanOptions) Run(ctx context.Context) error {
	make, err := o.maker()
	if err != nil {
		return err
	}
	facts, err := o.look(ctx)
	if err != nil {
		return err
	}
	plan, report, err := o.plan(ctx, facts, make)
	if plan != nil && !plan.Node.Empty() {
		if err := o.print(o.streams.Out, planReport{plan, report, facts.Time}); err != nil {
			return err
		}
	}
	return err
}

// plan makes a plan and runs the checks. Where none can be made they run as far as
// they can: what they find is more than the first thing that was in the way.
func (o *PlanOptions) plan(ctx context.Context, facts *node.Facts, make maker) (*noderestore.Plan, *preflight.Report, error) {
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	plan, makeErr := make(ctx, facts)
	if errors.Is(makeErr, context.Canceled) || errors.Is(makeErr, noderestore.ErrPlan) || errors.Is(makeErr, noderestore.ErrChanged) {
		return nil, nil, makeErr // the checks would be about something else
	}
	request := preflight.Request{
		Facts: facts, Node: o.Node(), Bump: true, Destroyed: o.Destroyed, Kubeconfigs: o.kubeconfigs(),
		Snapshot: preflight.Snapshot{Path: o.Source, SkipHashCheck: o.SkipHashCheck, Progress: reporter},
	}
	if plan != nil {
		d := &plan.Decision
		request.Snapshot.Path, request.Snapshot.SHA256 = d.Snapshot.Path, d.Snapshot.SHA256
		request.Snapshot.SkipHashCheck = d.Snapshot.SkipHashCheck
		if o.WithoutSnapshot {
			request.Snapshot.Elsewhere, request.Snapshot.Size = true, d.Snapshot.Size
			request.Snapshot.Path = filepath.Join(o.StateDir, "uploads", d.Snapshot.SHA256+".db")
		}
	}
	if request.Unplanned = plan == nil || plan.Node.Empty(); !request.Unplanned {
		d, p := &plan.Decision, &plan.Node
		cluster, err := d.Cluster()
		if err != nil {
			return nil, nil, err
		}
		request.Cluster, request.TargetVersion, request.Destroyed = cluster, d.TargetVersion, d.Destroyed
		request.DataDir, request.WALDir, request.Swap, request.Parking = p.NewData, p.NewWAL, p.Mode == noderestore.ModeSwap, p.Parked
	}
	checks := preflight.Checks(request)
	if !facts.Root { // the others would only find what they may not read
		checks = slices.DeleteFunc(checks, func(c preflight.Check) bool { return c.Name != "IsPrivilegedUser" })
	}
	report, err := preflight.Evaluate(ctx, checks, o.IgnorePreflight)
	if errors.Is(err, preflight.ErrIgnore) {
		return nil, nil, exitcode.Usage(err)
	}
	if err == nil {
		err = makeErr
	}
	if plan != nil {
		plan.Checks = report
	}
	return plan, report, err
}

// warn prints what the checks found and nobody has to mend.
func (o *PlanOptions) warn(report *preflight.Report) {
	if report == nil {
		return
	}
	for _, r := range report.Results {
		if r.Severity == preflight.Warning {
			fmt.Fprintf(o.streams.ErrOut, "warning: %s: %s\n", r.Check, output.Clean(r.What))
		}
	}
}
