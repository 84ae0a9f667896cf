package etcdrestore

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

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

  # What became of each step, and when
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
	r := runList{TypeMeta: TypeMeta{apiVersion, "NodeRunList"}, Path: o.runsFolder(), Items: []runStatus{}}
	for _, run := range runs {
		r.Items = append(r.Items, newRunStatus(run))
	}
	return o.print(o.streams.Out, r)
}

func (o *NodeOptions) showRun(name string) error {
	runs, err := o.runs()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(runs, func(r journal.Summary) bool { return r.Name == name })
	if i < 0 {
		return output.WithHint(fmt.Errorf("%w: %q in %s", journal.ErrNoRun, name, o.runsFolder()), "list them: %s node runs", o.Program)
	}
	if runs[i].Err != nil {
		return fmt.Errorf("run %s: %w", name, runs[i].Err)
	}
	return o.print(o.streams.Out, newRunReport(runs[i]))
}

// runList is the form of node runs -o json.
type runList struct {
	TypeMeta
	Path  string      `json:"path"`
	Items []runStatus `json:"items"`
}

// runStatus is a run in a list.
type runStatus struct {
	Name      string     `json:"name"`
	State     string     `json:"state"` // complete, rolled back, unfinished, going back, damaged
	Committed bool       `json:"committed"`
	Begun     *time.Time `json:"begun,omitempty"`
	Changed   *time.Time `json:"changed,omitempty"`
	Step      string     `json:"step,omitempty"` // that the last event was about
	Plan      string     `json:"planSHA256,omitempty"`
	Error     string     `json:"error,omitempty"`
}

func newRunStatus(r journal.Summary) runStatus {
	s := runStatus{
		Name: r.Name, State: string(r.State.Outcome), Committed: r.State.Committed,
		Begun: moment(r.State.Begun), Changed: moment(r.State.Changed),
		Step: lastChanged(r).Name, Error: message(r.Err),
	}
	switch {
	case r.Err != nil:
		s.State = "damaged"
	case s.State != "":
	case r.State.GoingBack:
		s.State = "going back"
	default:
		s.State = "unfinished"
	}
	if len(r.Records) > 0 {
		s.Plan = r.Records[0].Plan
	}
	return s
}

// line is the run for a person.
func (s runStatus) line() string {
	text := s.Name + "  " + s.State
	if s.Begun != nil {
		text += ", begun " + s.Begun.Format("2006-01-02 15:04:05")
	}
	if s.Committed && s.State == "unfinished" {
		text += ", committed"
	}
	switch {
	case s.Error != "":
		text += ": " + s.Error
	case s.Step != "" && s.State != string(journal.Complete) && s.State != string(journal.RolledBack):
		text += ", at step " + s.Step
	}
	return text
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
