// Package etcdrestore is the command tree of kubectl etcd-restore: one file a verb,
// with kubectl's flags and kubeadm's words.
package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// Streams are where a command reads and writes.
type Streams = iostreams.Streams

// Run runs the command line args (without the program's name) and returns the exit
// code. It prints the error, if any.
func Run(ctx context.Context, streams Streams, args []string) int {
	opts := newOptions()
	root := newRoot(streams, opts)
	root.SetArgs(append([]string{}, args...)) // nil would be those of the process
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		verb.DropBackquotes(root)
	}
	err := root.ExecuteContext(ctx)
	code := exitcode.Of(err, exitTable())
	if code == exitcode.Interrupted {
		err = fmt.Errorf("interrupted: %w", err)
		if errors.Is(err, workflow.ErrStuck) { // what stands half-way needs a person, whoever stopped it
			code = exitcode.NeedsPerson
		}
	}
	switch {
	case err == nil:
	case opts.Format == JSON:
		output.ErrorJSON(streams.ErrOut, err, int(code))
	default:
		output.Error(streams.ErrOut, err)
	}
	return int(code)
}

// NewRoot returns the whole tree, for generators of manuals and completions. To run
// a command line use Run, which knows the exit codes.
func NewRoot(streams Streams) *cobra.Command {
	return newRoot(streams, newOptions())
}

func newRoot(streams Streams, opts *Options) *cobra.Command {
	root := &cobra.Command{
		Use:         "kubectl-etcd_restore",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: opts.Program},
		Short:       "Restore the etcd of a kubeadm cluster",
		Long: `Restore the etcd of a kubeadm cluster, with the API server up or down.

What begins with node works on the control-plane node that it runs on, as root,
and needs no API server.

` + exitcode.Help(exitcode.All()...),
		Example: `  # On a control-plane node: what is there, what is broken, what to do next
  sudo kubectl etcd-restore node status

  # Take a snapshot, from the live member or from the data that it left
  sudo kubectl etcd-restore node save snapshot.db

  # See what a restore would do, then do it
  sudo kubectl etcd-restore node plan snapshot.db
  sudo kubectl etcd-restore node run snapshot.db`,
	}
	verb.Prepare(root)
	verb.Group(root)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	opts.AddFlags(root.PersistentFlags())
	if err := opts.registerCompletion(root); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes a root
	}
	showConnectionFlagsOnlyWhereUsed(root)
	root.AddCommand(
		NewCmdNode(streams, opts),
		NewCmdVersion(streams, opts),
	)
	nameProgram(root, opts.Program)
	return root
}

// plugin is the program as kubectl runs it, and as all texts here call it.
const plugin = "kubectl etcd-restore"

// nameProgram makes the examples such that they can be pasted here.
func nameProgram(cmd *cobra.Command, program string) {
	cmd.Example = strings.ReplaceAll(cmd.Example, plugin, program)
	for _, sub := range cmd.Commands() {
		nameProgram(sub, program)
	}
}
