package etcdrestore

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeResume returns the verb node resume.
func NewCmdNodeResume(n *NodeOptions) *cobra.Command {
	o := &WorkOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Go on with a restore that was interrupted",
		Long: `Go on with a restore of this node that was interrupted, where it stopped: by a
crash, a power cut, or a failure that has been mended since. Without RUN it is
the one that is not finished. A run that was on its way back goes on with that.

` + exitcode.Help(exitcode.All()...),
		Example: `  sudo kubectl etcd-restore node resume`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.withRun(args, func(run *journal.Run, work noderestore.Options) error {
				if noderejoin.IsPlan(run.Plan()) {
					return noderejoin.Resume(cmd.Context(), run, rejoinOptions(work))
				}
				return noderestore.Resume(cmd.Context(), run, work)
			})
		},
		Args:              oneRun,
		ValidArgsFunction: n.completeRuns,
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// oneRun is the cobra.PositionalArgs of a verb that takes a run, or none.
func oneRun(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return verb.UsageError(cmd, fmt.Errorf("one RUN expected, got %d arguments", len(args)))
	}
	return nil
}

// withRun does something with the run that the arguments name.
func (o *WorkOptions) withRun(args []string, do func(*journal.Run, noderestore.Options) error) error {
	folder, run, err := o.open(args)
	if err != nil {
		return err
	}
	defer folder.Close()
	return o.work(func(work noderestore.Options) (*journal.Run, error) { return run, do(run, work) })
}

// resumeNamed opens a run by its name, that of its decision, or none.
func (o *WorkOptions) resumeNamed(folder *journal.Folder, args []string) (*journal.Run, error) {
	switch {
	case len(args) == 0:
		return folder.Resume("")
	case !noderestore.IsDecision(args[0]):
		return folder.Resume(args[0])
	}
	runs, err := journal.List(folder.Path)
	if err != nil {
		return nil, err
	}
	found, err := noderestore.Find(runs, args[0])
	if err != nil {
		return nil, err
	}
	return folder.Resume(found.Name)
}

// open opens the run that the arguments name, or the one that is not finished.
func (o *WorkOptions) open(args []string) (*journal.Folder, *journal.Run, error) {
	folder, err := journal.Open(o.StateDir, journal.Options{})
	if err != nil {
		return nil, nil, err
	}
	run, err := o.resumeNamed(folder, args)
	switch {
	case errors.Is(err, journal.ErrCorrupt):
		err = output.WithHint(err, "mend it by hand: the manifests as they were are in the folder kept of the run, those that are out in /etc/kubernetes/etcd-restore; then move the run out of %s", o.StateDir)
	case errors.Is(err, journal.ErrNoRun):
		err = output.WithHint(err, "list them: %[1]s node runs; after one that is finished, its old data can be restored: %[1]s node rollback RUN --to-old-data", o.Program)
	}
	if err != nil {
		folder.Close()
		return nil, nil, err
	}
	return folder, run, nil
}
