package etcdrestore

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeLeave returns the verb node leave, the node's end of transport.Detach.
func NewCmdNodeLeave(n *NodeOptions) *cobra.Command {
	o := &LeaveOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:    "leave --name NAME -- ARGS...",
		Hidden: true,
		Short:  "Leave a verb of this program running",
		Long: `Leave a verb of this program running, whatever becomes of who started it. One of
a name runs at a time: if it does, nothing is done. Says in JSON where it is.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Job.Args = args; cmd.ArgsLenAtDash() != 0 || len(args) == 0 {
				return verb.UsageError(cmd, errors.New("-- ARGS is missing"))
			}
			return o.Run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&o.Job.Name, "name", "", "of the job")
	return cmd
}

// LeaveOptions are the flags of node leave.
type LeaveOptions struct {
	*NodeOptions
	Job transport.Job
}

// Run leaves it.
func (o *LeaveOptions) Run(ctx context.Context) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	left, err := detached.Host{Program: program, Folder: o.logs(), Env: os.Environ()}.Leave(ctx, o.Job)
	if err != nil {
		return err
	}
	return json.NewEncoder(o.streams.Out).Encode(left)
}

// logs is the folder for the output of what was left running.
func (o *NodeOptions) logs() string {
	return filepath.Join(o.StateDir, filepath.Base(transport.Logs))
}

// isLeft recognises the command line of what is left behind: see pkg/transport/detached.
// It is no verb for a person, and no flag goes with it.
func isLeft(args []string) bool { return len(args) > 3 && args[0] == detached.Verb }

// runLeft runs a verb that was left behind. What it prints is read in its log.
func runLeft(ctx context.Context, streams Streams, args []string) int {
	notify := os.Getenv(detached.NotifySocket)
	_ = os.Unsetenv(detached.NotifySocket)
	stay, err := detached.Enter(args[1], args[2], notify)
	if err != nil {
		return newOptions().end(streams, err)
	}
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return newOptions().end(streams, err)
	}
	stay.Begin(args[3:])
	code := run(ctx, Streams{In: nothing, Out: stay.Log, ErrOut: stay.Log}, newOptions(), args[3:])
	stay.End("%s (exit code %d)", exitcode.Code(code).Meaning(), code)
	return code
}
