package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// checkCodes is the part of the help of both verbs check that says what their exit codes
// mean.
const checkCodes = `The exit code is 0 if all is well, 4 if a check has failed, and 1 if none has
and one could not be made.

`

// NewCmdNodeCheck returns the verb node check.
func NewCmdNodeCheck(n *NodeOptions) *cobra.Command {
	o := &NodeCheckOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:   "check [RUN]",
		Short: "Prove that the control plane is whole, as far as this node can see",
		Long: `Prove that the control plane is whole, as far as this node can see: every member
of etcd, this node's API server, and what that tells of controllers and nodes.
After a restore also that it has come to what its plan says. Without RUN, a name
or the ID of a decision, that is the last restore of this node. Nothing is
changed.

` + checkCodes + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.NeedsPerson, exitcode.Interrupted),
		Example: `  sudo kubectl etcd-restore node check

  # After a restore the controllers need some seconds to take over
  sudo kubectl etcd-restore node check --wait 1m`,
		Args:              oneRun,
		ValidArgsFunction: n.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), only(args))
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// only is the one argument, or "".
func only(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// NodeCheckOptions are the flags of node check.
type NodeCheckOptions struct {
	*NodeOptions
	WaitOptions
	Facts        bool
	HashRevision int64
}

// WaitOptions are the flags of a verb that may ask again.
type WaitOptions struct {
	Wait time.Duration
}

// AddFlags adds the flags.
func (o *WaitOptions) AddFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Wait, "wait", 0, "ask again for so long, until all is well")
}

// until asks until there is nothing to complain of, or the time is up.
func (o *WaitOptions) until(ctx context.Context, ask func(context.Context) (*proof.Report, error)) (*proof.Report, error) {
	for begun := time.Now(); ; {
		report, err := ask(ctx)
		if err != nil || report.Err() == nil || time.Since(begun) >= o.Wait {
			return report, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// AddFlags adds all flags of the verb.
func (o *NodeCheckOptions) AddFlags(fs *pflag.FlagSet) {
	o.WaitOptions.AddFlags(fs)
	fs.BoolVar(&o.Facts, "facts", false, "print what this node knows, for who asks all nodes")
	fs.Int64Var(&o.HashRevision, "hash-revision", 0, "with --facts: hash this member at a `REVISION`")
	for _, name := range []string{"facts", "hash-revision"} {
		fs.Lookup(name).Hidden = true
	}
}

// Validate finds mistakes that no flag can find alone.
func (o *NodeCheckOptions) Validate() error {
	switch {
	case o.HashRevision != 0 && !o.Facts:
		return errors.New("--hash-revision needs --facts")
	case o.HashRevision < 0 || o.Wait < 0:
		return errors.New("--hash-revision and --wait must not be negative")
	case o.RootFS != "":
		return errors.New("--rootfs is for looking at a node: a check asks what lives on this one")
	}
	return nil
}

// Run checks.
func (o *NodeCheckOptions) Run(ctx context.Context, run string) error {
	if o.Facts {
		facts, err := o.gather(ctx, run)
		if err != nil {
			return err
		}
		return o.print(o.streams.Out, nodeFacts{TypeMeta{apiVersion, "NodeFacts"}, facts})
	}
	report, err := o.until(ctx, func(ctx context.Context) (*proof.Report, error) {
		facts, err := o.gather(ctx, run)
		if err != nil {
			return nil, err
		}
		return proof.Evaluate([]proof.Facts{facts}, proof.Scope{}), nil
	})
	if err != nil {
		return err
	}
	if err := o.print(o.streams.Out, checkReport{TypeMeta{apiVersion, "NodeCheck"}, report}); err != nil {
		return err
	}
	return report.Err()
}

func (o *NodeCheckOptions) gather(ctx context.Context, run string) (proof.Facts, error) {
	facts, err := o.look(ctx)
	if err != nil {
		return proof.Facts{}, err
	}
	return proof.Gather(ctx, proof.Request{
		Facts: facts, Node: o.Node(), Run: run, Kubeconfigs: o.kubeconfigs(),
		HashRevision: o.HashRevision, Alone: !o.Facts,
	})
}

// nodeFacts is the form of node check --facts.
type nodeFacts struct {
	TypeMeta
	proof.Facts
}

func (n nodeFacts) words() string { return fmt.Sprintf("%+v\n", n.Facts) }

// checkReport is what the checks came to.
type checkReport struct {
	TypeMeta
	*proof.Report
}

func (r checkReport) words() string {
	var p page
	if r.Run != "" {
		p.section("After restore %s", r.Run)
	} else {
		p.section("No restore is known here: what needs one is not checked")
	}
	for _, result := range r.Results {
		p.fold(fmt.Sprintf("  %-8s %-12s ", result.State, result.Check), "                        ", result.Evidence)
	}
	if r.Err() == nil { // an error says the rest
		p.section("All %s are well.", count(len(r.Results), "check"))
	}
	return p.String()
}
