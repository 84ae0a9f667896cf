package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdReport returns the verb report.
func NewCmdReport(streams Streams, opts *Options) *cobra.Command {
	o := &ReportOptions{ClusterOptions: &ClusterOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:   "report [RUN [FILE]]",
		Short: "Write down what a restore did, when and on which node",
		Long: `Write down what a restore did, as Markdown: the decision with its evidence and
what is lost, how long the control plane was down, the steps of all nodes in
order of time, and what the checks come to now. RUN is the ID of a decision, or
the name of a run; without it, it is the last restore that any node knows of.
There are no secrets in it, but names and addresses.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Refused),
		Example: `  kubectl etcd-restore report 20261126T120000Z-4f2a incident.md \
    --ssh root@cp1 --ssh root@cp2 --ssh root@cp3`,
		Annotations: map[string]string{annotationCluster: ""},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 2 {
				return verb.UsageError(cmd, fmt.Errorf("RUN and FILE expected, or less, got %d arguments", len(args)))
			}
			return nil
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 { // FILE
				return nil, cobra.ShellCompDirectiveDefault
			}
			return completeOnce(o.completeRuns())(cmd, args, begun)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), only(args), only(args[min(1, len(args)):]))
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// ReportOptions are the flags of report.
type ReportOptions struct {
	*ClusterOptions
	NoCheck bool
}

// AddFlags adds all flags of the verb.
func (o *ReportOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	fs.BoolVar(&o.NoCheck, "no-check", false, "leave out what the checks come to now")
}

// Run reports.
func (o *ReportOptions) Run(ctx context.Context, run, file string) error {
	nodes, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer nodes.Close()
	if run == "" {
		if run, err = lastRestore(ctx, nodes); err != nil {
			return err
		}
	}
	r := incident{TypeMeta: TypeMeta{apiVersion, "RestoreReport"}, Run: run, Time: time.Now().UTC().Truncate(time.Second), Nodes: []incidentNode{}}
	if err := r.ask(ctx, nodes); err != nil {
		return err
	}
	if !o.NoCheck {
		if r.Checks, err = checkNodes(ctx, nodes, run, proof.Scope{}); err != nil {
			return err
		}
	}
	if file == "" {
		return o.print(o.streams.Out, r)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return output.WithHint(fmt.Errorf("%w: %s", newfile.ErrExists, file), "name another file")
	} else if err != nil {
		return err
	}
	return errors.Join(o.print(f, r), f.Close())
}

// lastRestore is the ID of the last restore that any node knows of.
func lastRestore(ctx context.Context, nodes *Nodes) (string, error) {
	lists, errs := make([]runList, len(nodes.All)), make([]error, len(nodes.All))
	var all sync.WaitGroup
	for i, n := range nodes.All {
		all.Go(func() { errs[i] = askJSON(ctx, n, []string{"node", "runs", "-o", "json"}, &lists[i]) })
	}
	all.Wait()
	last := ""
	for _, list := range lists {
		for _, r := range list.Items {
			if r.RunPlan != nil && r.Kind != noderejoin.Kind {
				last = max(last, r.DecisionID) // which begins with its time
			}
		}
	}
	if last == "" {
		return "", errors.Join(append(errs, fmt.Errorf("%w: no node knows of a restore", journal.ErrNoRun))...)
	}
	return last, ctx.Err()
}

// incident is what all nodes tell of a run.
type incident struct {
	TypeMeta
	Run      string                `json:"run"`
	Time     time.Time             `json:"time"` // of the report
	Decision *noderestore.Decision `json:"decision,omitempty"`
	Nodes    []incidentNode        `json:"nodes"`
	Silent   []string              `json:"silent"` // nodes that tell nothing of it, and why
	Checks   *proof.Report         `json:"checks,omitempty"`
}

// incidentNode is what became of the run on one node.
type incidentNode struct {
	Node string `json:"node"`
	runReport
}

// ask asks all nodes for the run. Not every node needs to know it.
func (r *incident) ask(ctx context.Context, nodes *Nodes) error {
	told, errs := make([]runReport, len(nodes.All)), make([]error, len(nodes.All))
	var all sync.WaitGroup
	for i, n := range nodes.All {
		all.Go(func() { errs[i] = askJSON(ctx, n, []string{"node", "runs", "-o", "json", "--", r.Run}, &told[i]) })
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	r.Silent = []string{}
	for i, n := range nodes.All {
		if errs[i] != nil {
			r.Silent = append(r.Silent, fmt.Sprintf("%s: %v", n.Name(), plainExit(errs[i])))
			continue
		}
		name := n.Name()
		if told[i].RunPlan != nil {
			name = told[i].Member
		}
		r.Nodes = append(r.Nodes, incidentNode{name, told[i]})
		if r.Decision == nil {
			r.Decision = told[i].Decision
		}
	}
	for _, f := range nodes.Failed {
		r.Silent = append(r.Silent, fmt.Sprintf("%s: %v", f.Name, f.Err))
	}
	if len(r.Nodes) == 0 {
		return errors.Join(errs...)
	}
	return nil
}

// plainExit is an error of a node without its name, which has been said.
func plainExit(err error) error {
	if exit := (*transport.ExitError)(nil); errors.As(err, &exit) && exit.Message != "" {
		return errors.New(exit.Message)
	}
	return err
}
