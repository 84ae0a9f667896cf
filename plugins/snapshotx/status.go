package snapshotx

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdStatus returns the verb status.
func NewCmdStatus(streams Streams, opts *Options) *cobra.Command {
	o := &StatusOptions{Input: Input{Options: opts, streams: streams}}
	return &cobra.Command{
		Use:   "status FILE",
		Short: "Print what is in a snapshot",
		Long: `Print what is in a snapshot, with the fields and values of etcdutl: hash,
revision, live keys, size, storage version. It reads every page and fails on a
damaged one. FILE may be a copy of member/snap/db, compressed with zstd, or -
for standard input; it is never written to.

With -w json it also hashes the file, compares it with its trailer, and tells
members, alarms, authentication, leases, the compacted revision and whether the
keys are those of a Kubernetes cluster.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Interrupted),
		Example: `  etcdctl-snapshot-x status snapshot.db -w table

  # Does the trailer match?
  etcdctl-snapshot-x status snapshot.db -w json | jq -r .trailer`,
		GroupID: groupOffline,
		Args:    verb.OneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			return o.Run(cmd.Context())
		},
	}
}

// StatusOptions are the flags of status.
type StatusOptions struct {
	Input
}

// Run prints the status.
func (o *StatusOptions) Run(ctx context.Context) error {
	var st *snapshot.Status
	err := o.look(ctx, func(f *snapshot.File, p *progress.Reporter) (err error) {
		st, err = f.ReadStatus(ctx, snapshot.StatusOptions{Digest: o.Format == output.JSON, Progress: p})
		return err
	})
	if err != nil {
		return err
	}
	return statusResult(st).Print(o.streams.Out, o.Format)
}

// statusResult words a status as etcdutl does.
func statusResult(st *snapshot.Status) output.Result {
	return output.Result{
		JSON: st,
		Fields: []output.Field{
			{Name: "Hash", Column: "hash", Value: st.Hash, Text: fmt.Sprintf("%x", st.Hash)},
			{Name: "Revision", Column: "revision", Value: st.Revision},
			{Name: "Keys", Column: "total keys", Value: st.TotalKey},
			{Name: "Size", Column: "total size", Value: st.TotalSize, Text: output.Size(st.TotalSize)},
			{Name: "Version", Column: "version", Value: st.Version},
		},
	}
}
