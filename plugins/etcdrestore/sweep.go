package etcdrestore

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/transport/sweep"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeSweep returns the verb node sweep.
func NewCmdNodeSweep(n *NodeOptions) *cobra.Command {
	o := &SweepOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:    "sweep",
		Hidden: true,
		Short:  "Remove what transports have brought onto this node",
		Long: `Remove what transports have brought onto this node: programs, uploads and the
logs of what was left running. The runs stay, and what a run needs that is not
finished.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Refused),
		Args: verb.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.Run() },
	}
	cmd.Flags().BoolVar(&o.KeepProgram, "keep-program", false, "leave the program that runs now")
	return cmd
}

// SweepOptions are the flags of node sweep.
type SweepOptions struct {
	*NodeOptions
	KeepProgram bool
}

// Run removes it all.
func (o *SweepOptions) Run() error {
	if err := o.refuseUnfinished(); err != nil {
		return err
	}
	swept, err := sweep.Sweep(o.StateDir, o.KeepProgram)
	if err != nil {
		return err
	}
	return o.printDone(o.streams, "the node is swept", sweepReport{TypeMeta{apiVersion, "NodeSweep"}, swept})
}

// refuseUnfinished keeps what a run needs to go on, or back.
func (o *SweepOptions) refuseUnfinished() error {
	if journal.Busy(o.StateDir) {
		return output.WithHint(fmt.Errorf("%w in %s", journal.ErrLocked, o.StateDir), "wait for it: %s node runs", o.Program)
	}
	runs, err := o.runs()
	if err != nil {
		return err
	}
	for _, r := range runs {
		switch {
		case r.Err != nil:
			return fmt.Errorf("%w: %s: %w", journal.ErrUnfinished, r.Name, r.Err)
		case r.State.Outcome == "":
			return output.WithHint(fmt.Errorf("%w: %s", journal.ErrUnfinished, r.Name), "resume it or roll it back first: %s node resume %s", o.Program, r.Name)
		}
	}
	return nil
}

// sweepReport is the form of node sweep -o json.
type sweepReport struct {
	TypeMeta
	sweep.Swept
}

func (r sweepReport) words() string {
	var p page
	if len(r.Removed) == 0 {
		p.line("There was nothing to remove.")
	}
	for _, path := range r.Removed {
		p.line("removed %s", path)
	}
	return p.String()
}
