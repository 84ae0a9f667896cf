package etcdrestore

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeTell returns the verb node tell, which is for who drives several nodes.
func NewCmdNodeTell(o *NodeOptions) *cobra.Command {
	return &cobra.Command{
		Use:    "tell go|abort [RUN]",
		Hidden: true,
		Short:  "Let a restore of this node go on, or back",
		Long: `Say a word to a restore of this node while a process works on it. With go a run
that has staged, and waits with --hold, goes on. With abort a run goes back from
wherever it is, as long as it is not committed; it outranks go.

It may be said again. Where it comes too late it is refused.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 2 || args[0] != string(journal.Go) && args[0] != string(journal.Abort) {
				return verb.UsageError(cmd, fmt.Errorf("go or abort expected, and then a RUN at most, got %q", args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			name := ""
			if len(args) > 1 {
				name = args[1]
			}
			return o.tell(journal.Word(args[0]), name)
		},
	}
}

func (o *NodeOptions) tell(word journal.Word, name string) error {
	run, err := o.find(name)
	if err != nil {
		return err
	}
	if err := noderestore.Tell(o.runsFolder(), run, word); err != nil {
		return err
	}
	if run, err = o.find(run.Name); err != nil {
		return err
	}
	return o.print(o.streams.Out, toldReport{TypeMeta{apiVersion, "NodeTold"}, string(word), newRunStatus(run).in(journal.Busy(o.runsFolder()))})
}

// find is the run that somebody names, by its own name or that of its decision.
func (o *NodeOptions) find(name string) (journal.Summary, error) {
	runs, err := journal.List(o.runsFolder())
	if err != nil {
		return journal.Summary{}, output.WithHint(fmt.Errorf("list the runs: %w", err), "run it as root")
	}
	run, err := noderestore.Find(runs, name)
	if err != nil {
		err = output.WithHint(fmt.Errorf("%w in %s", err, o.runsFolder()), "list them: %s node runs", o.Program)
	}
	return run, err
}

// toldReport is the form of node tell -o json.
type toldReport struct {
	TypeMeta
	Word string    `json:"word"`
	Run  runStatus `json:"run"` // as it stood then
}

func (r toldReport) words() string {
	var p page
	p.line("Told run %s: %s.", r.Run.Name, r.Word)
	p.line("%s", r.Run.line())
	if !r.Run.Working && !r.Run.finished() {
		p.line("No process works on it: it hears of that when it is resumed.")
	}
	return p.String()
}
