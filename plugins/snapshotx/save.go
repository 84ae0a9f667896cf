package snapshotx

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdSave returns the verb save.
func NewCmdSave(streams Streams, opts *Options, conn *Connection) *cobra.Command {
	o := &SaveOptions{Options: opts, Connection: conn, streams: streams}
	cmd := &cobra.Command{
		Use:   "save FILE",
		Short: "Save a snapshot of a live member to a file",
		Long: `Save a snapshot of a live member to a file. Of several endpoints it takes the
member with the highest revision, never a learner, and says which.

The file appears once it is whole, its SHA-256 is the member's, and it is on
disk. If anything goes wrong before, nothing is left behind.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # On a kubeadm control-plane node: address and certificates are found
  sudo etcdctl-snapshot-x save snapshot.db

  # Of the member that is furthest ahead
  etcdctl-snapshot-x save snapshot.db \
    --endpoints https://10.0.0.1:2379,https://10.0.0.2:2379 \
    --cacert ca.crt --cert client.crt --key client.key

  # With a user, for a script
  export ETCDCTL_PASSWORD=secret
  etcdctl-snapshot-x save snapshot.db --user root -w json`,
		GroupID:     groupLive,
		Annotations: map[string]string{annotationDials: ""},
		Args:        verb.OneFile,
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

// SaveOptions are the flags of save.
type SaveOptions struct {
	*Options
	*Connection
	File         string
	Force        bool
	StallTimeout time.Duration

	streams Streams
}

// AddFlags adds the flags that only save has.
func (o *SaveOptions) AddFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Force, "force", false, "replace FILE if it exists")
	fs.DurationVar(&o.StallTimeout, "stall-timeout", etcdclient.DefaultStallTimeout, "give up on a member that sends nothing for so long")
}

// Validate finds mistakes that no flag can find alone.
func (o *SaveOptions) Validate() error {
	if o.StallTimeout <= 0 {
		return fmt.Errorf("--stall-timeout must be positive, not %s", o.StallTimeout)
	}
	return nil
}

// Run saves the snapshot.
func (o *SaveOptions) Run(ctx context.Context) error {
	ctx, cancel := o.Limited(ctx)
	defer cancel()
	cfg, err := o.Config(ctx, o.streams)
	if err != nil {
		return err
	}
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer client.Close()
	members := client.Members(ctx)
	member, why, err := etcdclient.Best(members)
	if err != nil {
		return err
	}
	o.warnOfSilent(members)

	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	var status *snapshot.Status
	saved, err := client.Save(ctx, member.Endpoint, o.File, etcdclient.SaveOptions{
		StreamOptions: etcdclient.StreamOptions{StallTimeout: o.StallTimeout, Progress: reporter},
		Force:         o.Force,
		Inspect: func(ctx context.Context, file string) (err error) {
			status, err = readStatus(ctx, file)
			return err
		},
	})
	if err != nil {
		return err
	}
	reporter.Finish() // the result comes below it
	return printDone(o.Options, o.streams, "saved "+saved.Path, saveReport{saved, status, member, why}.result())
}

// readStatus reads what the result of a save tells of the file. The hash of the
// file is known by then.
func readStatus(ctx context.Context, file string) (*snapshot.Status, error) {
	f, err := snapshot.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadStatus(ctx, snapshot.StatusOptions{})
}

// warnOfSilent names the members that could be ahead of the chosen one, had
// they answered.
func (o *SaveOptions) warnOfSilent(members []etcdclient.MemberStatus) {
	for _, m := range members {
		if m.Err != nil {
			fmt.Fprintf(o.streams.ErrOut, "warning: not asked: %s\n", output.Clean(m.Err.Error()))
		}
	}
}
