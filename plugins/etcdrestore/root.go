// Package etcdrestore is the command tree of kubectl etcd-restore: one file a verb,
// with kubectl's flags and kubeadm's words.
package etcdrestore

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/prompt"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// Streams are where a command reads and writes.
type Streams = iostreams.Streams

// Run runs the command line args (without the program's name) and returns the exit
// code. It prints the error, if any.
func Run(ctx context.Context, streams Streams, args []string) int {
	switch {
	case isAgent(args):
		return runAgent(ctx, streams)
	case isLeft(args):
		return runLeft(ctx, streams, args)
	}
	return run(ctx, streams, newOptions(), args)
}

func run(ctx context.Context, streams Streams, opts *Options, args []string) int {
	root := newRoot(streams, opts)
	root.SetArgs(append([]string{}, args...)) // nil would be those of the process
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		verb.DropBackquotes(root)
	}
	return opts.end(streams, root.ExecuteContext(ctx))
}

// end prints the error of a verb, if any, and says which exit code it is.
func (o *Options) end(streams Streams, err error) int {
	code := exitcode.Of(err, exitTable())
	if code == exitcode.Failed {
		code = ofNode(err)
	}
	if code == exitcode.Interrupted && !errors.Is(err, prompt.ErrDeclined) { // who says no has not interrupted anything
		err = exitcode.Interrupt(err)
		iostreams.DropEcho(streams.ErrOut)
		if errors.Is(err, workflow.ErrStuck) { // what stands half-way needs a person, whoever stopped it
			code = exitcode.NeedsPerson
		}
	}
	if exit := (*transport.ExitError)(nil); code == exitcode.Failed && errors.As(err, &exit) {
		code = exitcode.Code(exit.Code) // what it means on the node it means here
	}
	switch {
	case err == nil:
	case o.Format == JSON, o.remote:
		output.ErrorJSON(streams.ErrOut, err, int(code))
	default:
		output.Error(streams.ErrOut, err)
	}
	return int(code)
}

// NewRoot returns the whole tree as a plugin of kubectl, for generators of manuals. To
// run a command line use Run, which knows the exit codes.
func NewRoot(streams Streams) *cobra.Command {
	opts := newOptions()
	opts.Program = plugin
	return newRoot(streams, opts)
}

func newRoot(streams Streams, opts *Options) *cobra.Command {
	root := &cobra.Command{
		Use:         "kubectl-etcd_restore",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: opts.Program},
		Short:       "Restore the etcd of a kubeadm cluster",
		Long: `Restore the etcd of a kubeadm cluster, with the API server up or down.

It works on all control-plane nodes at once: through the API server while that
answers, and with --ssh HOST for each node when it does not. What begins with
node works on the node that it runs on, as root, and needs neither. Without a
command it says where you are, and what to type next.

` + exitcode.Help(exitcode.All()...),
		Example: `  # What is broken, and what to do next
  kubectl etcd-restore status
  kubectl etcd-restore status --ssh root@cp1 --ssh root@cp2 --ssh root@cp3

  # Take a snapshot, from the best member
  kubectl etcd-restore save snapshot.db

  # See what a restore would do, do it, prove it
  kubectl etcd-restore plan snapshot.db
  kubectl etcd-restore run snapshot.db
  kubectl etcd-restore check

  # See what is in a snapshot
  kubectl etcd-restore ls snapshot.db
  kubectl etcd-restore get snapshot.db deploy/web -n shop

  # Nothing but a shell on the only control-plane node
  sudo kubectl etcd-restore node status`,
	}
	verb.Prepare(root)
	verb.Group(root)
	showPlace(root, streams, opts)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	opts.AddFlags(root.PersistentFlags())
	if err := opts.registerCompletion(root); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes a root
	}
	showConnectionFlagsOnlyWhereUsed(root)
	addGroup(root, "The whole control plane:", clusterVerbs(streams, opts)...)
	addGroup(root, "The objects in a snapshot:", objectVerbs(streams, opts)...)
	addGroup(root, "The node that this runs on:", NewCmdNode(streams, opts))
	root.AddCommand(NewCmdVersion(streams, opts))
	addCompletion(root, streams)
	nameProgram(root, opts.Program)
	return root
}

// addGroup adds commands below a heading of their own.
func addGroup(root *cobra.Command, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, cmd := range commands {
		cmd.GroupID = title
	}
	root.AddCommand(commands...)
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
