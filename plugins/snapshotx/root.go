// Package snapshotx is the command tree of etcdctl-snapshot-x: one file a verb,
// flags and output those of etcdctl and etcdutl.
package snapshotx

import (
	"context"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

const (
	groupLive    = "live"
	groupOffline = "offline"
)

// Streams are where a command reads and writes.
type Streams = iostreams.Streams

// Run runs the command line args (without the program's name) and returns the
// exit code. It prints the error, if any.
func Run(ctx context.Context, streams Streams, args []string) int {
	opts := newOptions()
	root := newRoot(streams, opts)
	if len(args) > 0 && args[0] == "snapshot" { // as fingers know it from etcdctl and etcdutl
		args = args[1:]
	}
	root.SetArgs(args)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		verb.DropBackquotes(root)
	}
	err := root.ExecuteContext(ctx)
	code := exitcode.Of(err, exitTable())
	if code == exitcode.Interrupted {
		err = exitcode.Interrupt(err)
		iostreams.DropEcho(streams.ErrOut)
	}
	switch {
	case err == nil:
	case opts.Format == output.JSON:
		output.ErrorJSON(streams.ErrOut, err, int(code))
	default:
		output.Error(streams.ErrOut, err)
	}
	return int(code)
}

// NewRoot returns the whole tree, for generators of manuals and completions.
// To run a command line use Run, which knows the exit codes.
func NewRoot(streams Streams) *cobra.Command {
	return newRoot(streams, newOptions())
}

func newRoot(streams Streams, opts *Options) *cobra.Command {
	conn := newConnection()
	root := &cobra.Command{
		Use:   "etcdctl-snapshot-x",
		Short: "A better etcdctl snapshot and etcdutl snapshot",
		Long: `A better etcdctl snapshot and etcdutl snapshot: the same flags and the same
files, for etcd 3.4 to 3.7. A global flag can also be set as ETCDCTL_<FLAG>.

` + exitcode.Help(exitcode.All()...),
		Example: `  # Save a snapshot of the member that is furthest ahead
  etcdctl-snapshot-x save snapshot.db --endpoints https://10.0.0.1:2379

  # Look at it
  etcdctl-snapshot-x status snapshot.db -w table`,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return setFromEnvironment(cmd)
		},
	}
	verb.Prepare(root)
	verb.Group(root)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	opts.AddFlags(root.PersistentFlags())
	acceptIgnored(root.PersistentFlags())
	conn.AddFlags(root.PersistentFlags())
	if err := opts.registerCompletion(root); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes a root
	}
	showConnectionFlagsOnlyWhereUsed(root)

	root.AddGroup(
		&cobra.Group{ID: groupLive, Title: "Live members:"},
		&cobra.Group{ID: groupOffline, Title: "Files, without any server:"},
	)
	root.AddCommand(
		NewCmdSave(streams, opts, conn),
		NewCmdStatus(streams, opts),
		NewCmdVerify(streams, opts),
		NewCmdHashKV(streams, opts),
		NewCmdSalvage(streams, opts),
		NewCmdRevision(streams, opts, conn),
		NewCmdRestore(streams, opts, conn),
		NewCmdVersion(streams, opts),
	)
	return root
}

// acceptIgnored adds flags of etcdutl that have nothing to do here, so that its
// command lines work: no lock is ever waited for.
func acceptIgnored(fs *pflag.FlagSet) {
	fs.Duration("timeout", 0, "")
	fs.Lookup("timeout").Hidden = true
}
