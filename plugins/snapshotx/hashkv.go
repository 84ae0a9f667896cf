package snapshotx

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdHashKV returns the verb hashkv.
func NewCmdHashKV(streams Streams, opts *Options) *cobra.Command {
	o := &HashKVOptions{Input: Input{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:   "hashkv FILE",
		Short: "Print the hash of the keys and their history in a snapshot",
		Long: `Print the hash of the keys and their history in a snapshot: the number that a
member answers to "etcdctl endpoint hashkv" at the same revision, if it has the
same compacted revision. FILE is never written to.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Interrupted),
		Example: `  etcdctl-snapshot-x hashkv snapshot.db

  # Compare with a live member at revision 4711
  etcdctl-snapshot-x hashkv snapshot.db --rev 4711
  etcdctl endpoint hashkv --rev 4711`,
		GroupID: groupOffline,
		Args:    verb.OneFile,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = args[0]
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// HashKVOptions are the flags of hashkv.
type HashKVOptions struct {
	Input
	Rev int64
}

// AddFlags adds the flags that only hashkv has.
func (o *HashKVOptions) AddFlags(fs *pflag.FlagSet) {
	fs.Int64Var(&o.Rev, "rev", 0, "revision to hash up to (default: the last)")
}

// Validate finds mistakes that no flag can find alone.
func (o *HashKVOptions) Validate() error {
	if o.Rev < 0 {
		return fmt.Errorf("--rev must not be negative, got %d", o.Rev)
	}
	return nil
}

// Run prints the hash.
func (o *HashKVOptions) Run(ctx context.Context) error {
	var h keyspace.Hash
	err := o.look(ctx, func(f *snapshot.File, p *progress.Reporter) (err error) {
		h, err = f.HashKV(ctx, o.Rev, p)
		return err
	})
	if err != nil {
		return err
	}
	return hashResult(h).Print(o.streams.Out, o.Format)
}

// hashResult words a hash as etcdutl does.
func hashResult(h keyspace.Hash) output.Result {
	return output.Result{
		JSON: h,
		Fields: []output.Field{
			{Name: "Hash", Column: "hash", Value: h.Hash},
			{Name: "Hash revision", Column: "hash revision", Value: h.Revision},
			{Name: "Compact revision", Column: "compact revision", Value: h.CompactRevision},
		},
	}
}
