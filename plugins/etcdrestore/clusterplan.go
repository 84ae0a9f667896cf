package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdPlan returns the verb plan.
func NewCmdPlan(streams Streams, opts *Options) *cobra.Command {
	o := newClusterPlanOptions(streams, opts)
	cmd := &cobra.Command{
		Use:         "plan SNAPSHOT|PLAN",
		Annotations: map[string]string{annotationCluster: ""},
		Short:       "Show what a restore would do and lose, and whether it could",
		Long: `Show what a restore of a snapshot would do on each node of the control plane,
what it would lose, how long it would take, and run all checks before it on all
nodes. Nothing is changed.

With -o json it is a plan file, for run. Given a PLAN, it is compared with what
the nodes are now, and refused if that has changed.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # The API server answers
  kubectl etcd-restore plan snapshot.db

  # It does not: over ssh; and keep the plan
  kubectl etcd-restore plan snapshot.db -o json \
    --ssh root@cp1 --ssh root@cp2 --ssh root@cp3 > plan.json

  # One node is gone for good
  kubectl etcd-restore plan snapshot.db \
    --exclude-node cp3 --assert-destroyed cp3`,
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

// ClusterPlanOptions are the flags of plan, and those of run that decide what is
// restored.
type ClusterPlanOptions struct {
	ClusterOptions
	ChoiceOptions
	Source          string // a snapshot or a plan
	Snapshot        string // of a plan
	Mode            string
	Destroyed       []string
	SkipHashCheck   bool
	IgnorePreflight []string

	given func(flag string) bool
}

func newClusterPlanOptions(streams Streams, opts *Options) *ClusterPlanOptions {
	return &ClusterPlanOptions{
		ClusterOptions: ClusterOptions{Options: opts, streams: streams},
		given:          func(string) bool { return false },
	}
}

// AddFlags adds the flags that say what is restored, and where.
func (o *ClusterPlanOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	o.ChoiceOptions.AddFlags(fs)
	fs.StringVar(&o.Snapshot, "snapshot", "", "the snapshot of a plan, if it is in another `FILE` now")
	fs.StringVar(&o.Mode, "data-dir-mode", string(noderestore.ModeManifest), "`MODE`: manifest (etcd.yaml names the new directory) or swap (the directories change names)")
	fs.StringArrayVar(&o.Destroyed, "assert-destroyed", nil, "vouch that the old member `NAME` will never run with its data again; repeat it")
	fs.BoolVar(&o.SkipHashCheck, "skip-hash-check", false, "take a copy of a database, which has no hash, after a check of its structure")
	fs.StringSliceVar(&o.IgnorePreflight, "ignore-preflight-errors", nil, "`CHECKS` whose errors are shown as warnings, or all")
	o.given = fs.Changed
}

func (o *ClusterPlanOptions) registerCompletion(cmd *cobra.Command) error {
	return errors.Join(
		o.ClusterOptions.registerCompletion(cmd),
		cmd.RegisterFlagCompletionFunc("data-dir-mode", cobra.FixedCompletions(modes(), cobra.ShellCompDirectiveNoFileComp)),
		cmd.RegisterFlagCompletionFunc("ignore-preflight-errors", cobra.FixedCompletions(append(preflight.Names(), preflight.All), cobra.ShellCompDirectiveNoFileComp)),
	)
}

// Validate finds mistakes that no flag can find alone.
func (o *ClusterPlanOptions) Validate() error {
	if !slices.Contains(modes(), o.Mode) {
		return fmt.Errorf("--data-dir-mode must be %s, not %q", strings.Join(modes(), " or "), o.Mode)
	}
	return o.ClusterOptions.Validate()
}

// Run makes the plan and prints it, whatever the checks say of it.
func (o *ClusterPlanOptions) Run(ctx context.Context) error {
	work, err := o.prepare(ctx)
	if err != nil {
		return err
	}
	defer work.Close()
	err = o.ask(ctx, work, o.Format == Text)
	if ctx.Err() != nil {
		return err
	}
	if o.Format == Text || err == nil {
		report := work.report()
		if err == nil {
			report.next = o.command("run " + output.Quote(o.Source) + o.decided())
		}
		if err := o.print(o.streams.Out, report); err != nil {
			return err
		}
	}
	return err
}

// clusterWork is a plan, and the nodes that it is for.
type clusterWork struct {
	*Nodes
	plane    *topology.ControlPlane
	plan     *recovery.Plan
	ways     recovery.Nodes // of the plan
	snapshot string         // here
	loss     *objectLoss    // nil: not asked for
}

func (w *clusterWork) report() clusterPlanReport {
	return clusterPlanReport{plan: w.plan, now: w.plane.Time, loss: w.loss}
}

// decided are the flags that decided what is planned, to be pasted.
func (o *ClusterPlanOptions) decided() (flags string) {
	add := func(flag string, values ...string) {
		for _, v := range values {
			flags += " --" + flag + " " + output.Quote(v)
		}
	}
	add("exclude-node", o.ExcludeNode...)
	add("assert-destroyed", o.Destroyed...)
	add("ignore-preflight-errors", o.IgnorePreflight...)
	for _, f := range []struct{ flag, value string }{{"members", o.Members}, {"snapshot", o.Snapshot}, {"data-dir-mode", o.Mode}} {
		if o.given(f.flag) {
			add(f.flag, f.value)
		}
	}
	if o.SkipHashCheck {
		flags += " --skip-hash-check"
	}
	return flags
}

// prepare goes to the nodes, makes the plan or reads it, and refuses what can be refused
// from here. Close the nodes.
func (o *ClusterPlanOptions) prepare(ctx context.Context) (_ *clusterWork, err error) {
	plan, err := o.planFile()
	if err != nil {
		return nil, err
	}
	w := &clusterWork{plan: plan, snapshot: o.Source}
	choice := o.Choice()
	if plan != nil {
		w.snapshot = plan.Decision.Snapshot.Path
		choice.Exclude = plan.Excluded
	}
	if o.Snapshot != "" {
		w.snapshot = o.Snapshot
	}
	if err := o.verify(ctx, w); err != nil {
		return nil, err
	}
	if w.Nodes, err = o.connect(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.plane, err = o.survey(ctx, w.Nodes, nil, nodePatience, choice); err != nil {
		return nil, err
	}
	if err := w.plane.Check(); err != nil {
		return nil, err
	}
	wish := o.wish(w)
	if plan != nil {
		return w, plan.Still(wish)
	}
	w.plan, err = recovery.Make(ctx, wish)
	return w, err
}

// ask lets the nodes find their parts and check them, and meanwhile compares the objects.
func (o *ClusterPlanOptions) ask(ctx context.Context, w *clusterWork, loss bool) error {
	var comparing sync.WaitGroup
	defer comparing.Wait()
	if loss {
		comparing.Go(func() { w.loss = o.objectLoss(ctx, w.snapshot) })
	}
	return w.plan.Ask(ctx, w.ways, recovery.AskOptions{Mode: o.Mode, Ignore: o.IgnorePreflight})
}

// planFile reads the plan, if the source is one. In it all is decided: a flag that says
// otherwise must not be passed over in silence.
func (o *ClusterPlanOptions) planFile() (*recovery.Plan, error) {
	isPlan, err := (&PlanOptions{Source: o.Source}).isPlan()
	switch {
	case err != nil:
		return nil, err
	case !isPlan && o.Snapshot != "":
		return nil, exitcode.Usage(fmt.Errorf("--snapshot is for a plan, and %s is none", o.Source))
	case !isPlan:
		return nil, nil
	}
	for _, flag := range []string{"exclude-node", "members", "assert-destroyed", "skip-hash-check", "data-dir-mode"} {
		if o.given(flag) {
			return nil, exitcode.Usage(output.WithHint(fmt.Errorf("%s is a plan, in which --%s is decided", o.Source, flag), "leave it out, or make another plan"))
		}
	}
	text, err := os.ReadFile(o.Source)
	if err != nil {
		return nil, err
	}
	if text, err = yaml.YAMLToJSON(text); err != nil { // JSON is YAML, too
		return nil, fmt.Errorf("%w: %w", recovery.ErrPlan, err)
	}
	return recovery.Decode(text)
}

// verify reads the snapshot whole, before it is carried anywhere.
func (o *ClusterPlanOptions) verify(ctx context.Context, w *clusterWork) error {
	f, err := snapshot.Open(w.snapshot)
	if err != nil {
		return err
	}
	defer f.Close()
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	report, err := f.Verify(ctx, reporter)
	if err != nil {
		return err
	}
	for _, finding := range report.Findings {
		if finding.Severity == snapshot.Error {
			return output.WithHint(fmt.Errorf("%w: %s: %s: %s", snapshot.ErrCorrupt, w.snapshot, finding.Where, finding.What), "use another snapshot, or copy this one again from where it came")
		}
	}
	skip := o.SkipHashCheck || w.plan != nil && w.plan.Decision.Snapshot.SkipHashCheck
	if report.Trailer != snapshot.TrailerMissing || !skip {
		if err := snapshot.TrailerError(w.snapshot, report.Trailer); err != nil {
			return err
		}
	}
	if w.plan != nil && report.SHA256 != w.plan.Decision.Snapshot.SHA256 {
		return output.WithHint(fmt.Errorf("%w: the SHA-256 of %s is %s, the plan says %s", restore.ErrOther, w.snapshot, report.SHA256, w.plan.Decision.Snapshot.SHA256), "give the file that the plan was made for: --snapshot FILE")
	}
	return nil
}

// wish is what the flags and the nodes say. The ways to the nodes go into w.
func (o *ClusterPlanOptions) wish(w *clusterWork) recovery.Wish {
	wish := recovery.Wish{
		Snapshot: w.snapshot, SkipHashCheck: o.SkipHashCheck, Destroyed: o.Destroyed,
		Nodes: map[string]topology.Report{}, Now: time.Now(),
		Rejoin: func(name string) string { return o.rejoin(w.plane, name) },
	}
	w.ways = recovery.Nodes{}
	for _, n := range w.plane.Nodes {
		switch {
		case n.Excluded:
			wish.Excluded = append(wish.Excluded, n.Name)
			if n.Report != nil {
				wish.Others = append(wish.Others, *n.Report)
			}
		case n.Report != nil:
			wish.Nodes[n.Name] = *n.Report
			for _, way := range w.All {
				if way.Name() == n.Host {
					w.ways[n.Name] = way
				}
			}
		}
	}
	return wish
}

// command is one of ours as it has to be typed to get to the same nodes.
func (o *ClusterOptions) command(words string) string {
	return o.Program + " " + words + o.way()
}
