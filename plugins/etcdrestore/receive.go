package etcdrestore

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/store"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeReceive returns the verb node receive, the node's end of transport.Send.
func NewCmdNodeReceive(n *NodeOptions) *cobra.Command {
	o := &ReceiveOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:    "receive --size N --sha256 HEX",
		Hidden: true,
		Short:  "Take a file from a workstation",
		Long: `Take a file from a workstation. It says in JSON how much of it is there, then
reads the rest from standard input, compressed with zstd, and says how much has
come, at last whether it is whole.`,
		Args: verb.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.File.Check(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	cmd.Flags().Int64Var(&o.File.Size, "size", -1, "of the file, in bytes")
	cmd.Flags().StringVar(&o.File.SHA256, "sha256", "", "of the file, in hex")
	return cmd
}

// ReceiveOptions are the flags of node receive.
type ReceiveOptions struct {
	*NodeOptions
	File transport.File
}

// Run takes the file.
func (o *ReceiveOptions) Run(ctx context.Context) error {
	files, err := store.Open(o.uploads())
	if err != nil {
		return err
	}
	defer files.Close()
	answers := json.NewEncoder(o.streams.Out)
	return files.Receive(ctx, o.File, o.streams.In, func(a transport.Arrived) error { return answers.Encode(a) })
}

// uploads is the folder for what comes from a workstation.
func (o *NodeOptions) uploads() string {
	return filepath.Join(o.StateDir, filepath.Base(transport.Uploads))
}

// NewCmdNodeSend returns the verb node send, the node's end of transport.Fetch.
func NewCmdNodeSend(n *NodeOptions) *cobra.Command {
	o := &SendOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:    "send FILE",
		Hidden: true,
		Short:  "Give a file of the folder for uploads to a workstation, compressed with zstd",
		Args:   verb.OneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			if o.Offset < 0 {
				return verb.UsageError(cmd, errors.New("--offset must not be negative"))
			}
			return o.Run(cmd.Context())
		},
	}
	cmd.Flags().Int64Var(&o.Offset, "offset", 0, "leave out the first `N` bytes")
	return cmd
}

// SendOptions are the flags of node send.
type SendOptions struct {
	*NodeOptions
	File   string
	Offset int64
}

// Run gives the file.
func (o *SendOptions) Run(ctx context.Context) error {
	files, err := store.Open(o.uploads())
	if err != nil {
		return err
	}
	defer files.Close()
	return files.Send(ctx, o.File, o.Offset, o.streams.Out)
}
