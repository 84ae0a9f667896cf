package etcdrestore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeRuns returns the verb node runs.
func NewCmdNodeRuns(o *NodeOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "runs [RUN]",
		Short: "List the restores made on this node, or the steps of one",
		Long: `List the restores that were made on this node, the newest first, or the steps of
one of them.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity),
		Example: `  sudo kubectl etcd-restore node runs

  # What became of each step, and when; RUN may be the ID of the plan's decision
  sudo kubectl etcd-restore node runs 20261126T120000Z-4f2a9c`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return verb.UsageError(cmd, fmt.Errorf("one RUN expected, got %d arguments", len(args)))
			}
			return nil
		},
		ValidArgsFunction: o.completeRuns,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return o.listRuns()
			}
			return o.showRun(args[0])
		},
	}
}

// completeRuns offers the names of the runs to the shell.
func (o *NodeOptions) completeRuns(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	runs, _ := journal.List(o.runsFolder())
	var names []cobra.Completion
	for _, r := range slices.Backward(runs) {
		names = append(names, r.Name)
	}
	if len(args) > 0 {
		names = nil
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (o *NodeOptions) runsFolder() string { return o.Node().Path(o.StateDir) }

// runs are those on the node, the newest first.
func (o *NodeOptions) runs() ([]journal.Summary, error) {
	runs, err := journal.List(o.runsFolder())
	if err != nil {
		return nil, output.WithHint(fmt.Errorf("list the runs: %w", err), "run it as root")
	}
	slices.SortStableFunc(runs, func(a, b journal.Summary) int {
		const second = len("20060102T150405Z") // as far as names tell
		return cmp.Or(strings.Compare(b.Name[:second], a.Name[:second]), b.State.Begun.Compare(a.State.Begun))
	})
	return runs, nil
}

func (o *NodeOptions) listRuns() error {
	runs, err := o.runs()
	if err != nil {
		return err
	}
	busy := journal.Busy(o.runsFolder())
	r := runList{TypeMeta: TypeMeta{apiVersion, "NodeRunList"}, Path: o.runsFolder(), Items: []runStatus{}}
	for _, run := range runs {
		r.Items = append(r.Items, newRunStatus(run).in(busy))
	}
	return o.print(o.streams.Out, r)
}

func (o *NodeOptions) showRun(name string) error {
	run, err := o.find(name)
	if err != nil {
		return err
	}
	if run.Err != nil {
		return fmt.Errorf("run %s: %w", run.Name, run.Err)
	}
	return o.print(o.streams.Out, newRunReport(run, journal.Busy(o.runsFolder())))
}

// runList is the form of node runs -o json.
type runList struct {
	TypeMeta
	Path  string      `json:"path"`
	Items []runStatus `json:"items"`
}

func (l runList) words() string {
	var p page
	if len(l.Items) == 0 {
		p.line("No runs in %s.", l.Path)
	}
	for _, r := range l.Items {
		p.fold("", "    ", r.line())
		p.fold("    ", "    ", prefixed("plan ", r.Plan))
	}
	return p.String()
}
