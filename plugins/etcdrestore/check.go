package etcdrestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdCheck returns the verb check.
func NewCmdCheck(streams Streams, opts *Options) *cobra.Command {
	o := &CheckOptions{ClusterOptions: &ClusterOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:   "check [RUN]",
		Short: "Prove that the control plane is whole",
		Long: `Prove that the control plane is whole: members and IDs as planned, one leader,
the same data on all members, no alarm, a revision above all that was seen of
the old cluster, whose watches end with "compacted"; every API server ready,
leases of controllers and kubelets renewed, kubeadm's configuration and the
manifests the same, nothing of ours left. Each line has its evidence. Without
RUN, the ID of a decision, it is the last restore; where there was none, what
needs one is left out. Nothing is changed.

` + checkCodes + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.NeedsPerson, exitcode.Interrupted),
		Example: `  kubectl etcd-restore check --ssh root@cp1 --ssh root@cp2 --ssh root@cp3

  # cp3 is down, and was left out of the restore
  kubectl etcd-restore check --ssh root@cp1 --ssh root@cp2 --exclude-node cp3`,
		Args:              oneRun,
		Annotations:       map[string]string{annotationCluster: ""},
		ValidArgsFunction: completeOnce(o.completeRuns()),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), only(args))
		},
	}
	o.AddFlags(cmd.Flags())
	if err := o.registerCompletion(cmd); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// CheckOptions are the flags of check.
type CheckOptions struct {
	*ClusterOptions
	WaitOptions
	ExcludeNode []string
}

// AddFlags adds all flags of the verb.
func (o *CheckOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	o.WaitOptions.AddFlags(fs)
	fs.StringArrayVar(&o.ExcludeNode, "exclude-node", nil, "leave this `NODE` out")
}

// Validate finds mistakes that no flag can find alone.
func (o *CheckOptions) Validate() error {
	if o.Wait < 0 {
		return errors.New("--wait must not be negative")
	}
	return o.ClusterOptions.Validate()
}

// Run checks.
func (o *CheckOptions) Run(ctx context.Context, run string) error {
	nodes, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer nodes.Close()
	report, err := o.until(ctx, func(ctx context.Context) (*proof.Report, error) {
		return checkNodes(ctx, nodes, run, proof.Scope{Excluded: o.ExcludeNode})
	})
	if err != nil {
		return err
	}
	for i := range report.Results {
		report.Results[i].Next = o.lead(report.Results[i].Next)
	}
	if err := o.print(o.streams.Out, checkReport{TypeMeta{apiVersion, "Check"}, report}); err != nil {
		return err
	}
	return report.Err()
}

// checkNodes asks all nodes twice: the second time for a hash of what all of them have.
func checkNodes(ctx context.Context, nodes *Nodes, run string, scope proof.Scope) (*proof.Report, error) {
	facts := askFacts(ctx, nodes.All, run, 0)
	if revision := proof.LowestRevision(facts); revision > 0 {
		proof.TakeHashes(facts, askFacts(ctx, nodes.All, run, revision))
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if run != "" && !slices.ContainsFunc(facts, func(f proof.Facts) bool { return f.Run != nil }) {
		return nil, fmt.Errorf("%w: %s, on any node that could be asked", journal.ErrNoRun, run)
	}
	for _, f := range nodes.Failed {
		facts = append(facts, proof.Facts{Node: f.Name, Error: f.Err.Error()})
	}
	return proof.Evaluate(facts, scope), nil
}

// askFacts asks all nodes at once.
func askFacts(ctx context.Context, nodes []transport.Node, run string, hashRevision int64) []proof.Facts {
	facts := make([]proof.Facts, len(nodes))
	args := []string{"node", "check", "--facts", "-o", "json"}
	if hashRevision > 0 {
		args = append(args, "--hash-revision", strconv.FormatInt(hashRevision, 10))
	}
	if run != "" {
		args = append(args, "--", run)
	}
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() {
			if err := askJSON(ctx, n, args, &facts[i]); err != nil {
				facts[i] = proof.Facts{Node: n.Name(), Error: err.Error()}
			}
		})
	}
	all.Wait()
	return facts
}

// askJSON runs a verb on a node and reads what it prints.
func askJSON(ctx context.Context, n transport.Node, args []string, into any) error {
	var out bytes.Buffer
	if err := n.Run(ctx, transport.Command{Args: args, Stdout: &out}); err != nil {
		return err
	}
	return json.Unmarshal(out.Bytes(), into)
}
