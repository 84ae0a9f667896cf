package snapshotx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdRevision returns the verb revision.
func NewCmdRevision(streams Streams, opts *Options, conn *Connection) *cobra.Command {
	o := &RevisionOptions{Options: opts, Connection: conn, streams: streams}
	cmd := &cobra.Command{
		Use:   "revision [FILE|DIR|URL]…",
		Short: "Tell how far a cluster has come, and the bump that clears it",
		Long: `Tell how far a cluster has come: the highest revision that each source proves,
the most that it can have reached, and the highest of all.

A FILE is a snapshot or a copy of member/snap/db, compressed with zstd or not. A
DIR is the data directory of a stopped member, or DIR,WAL-DIR: every request in
its log that its database does not hold yet may have made one revision more. A
URL, or host:port, is a live member. Where nothing sets a limit, the table says
"open": a copy was taken earlier, a torn log may have held more, a running
member goes on. Without arguments it asks the members of --endpoints, if given.

--for SNAPSHOT also decides by how much a restore of it has to raise the
revision to clear all that, as "restore --bump-revision=auto" would, with the
same proof. Nothing is ever written to. What cannot be read is an error, after
the rest has been printed; then nothing is decided.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # What does a member that is stopped prove, and what a copy?
  etcdctl-snapshot-x revision /var/lib/etcd snapshot.db

  # The bump for a restore: one member is alive, one left its disk
  etcdctl-snapshot-x revision https://10.0.0.1:2379 /mnt/m2/etcd \
    --for snapshot.db --cacert ca.crt --cert client.crt --key client.key

  # The number alone
  etcdctl-snapshot-x revision /var/lib/etcd --for snapshot.db -w json |
    jq .restore.bump`,
		GroupID:           groupOffline,
		Annotations:       map[string]string{annotationDials: ""},
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: completePaths,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Sources = args
			if err := o.Complete(cmd.Flags()); err != nil {
				return verb.UsageError(cmd, err)
			}
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// completePaths leaves files and directories to the shell.
func completePaths(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

// RevisionOptions are the flags of revision.
type RevisionOptions struct {
	*Options
	*Connection
	Sources       []string
	For           string
	SeenRevisions []string

	streams Streams
}

// AddFlags adds the flags that only revision has.
func (o *RevisionOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.For, "for", "", "decide the bump for a restore of this `SNAPSHOT`")
	fs.StringArrayVar(&o.SeenRevisions, "seen-revision", nil, "revision `N` that the cluster has reached (repeatable)")
}

// Complete takes the members of --endpoints, if given, where no source is.
func (o *RevisionOptions) Complete(fs *pflag.FlagSet) error {
	if fs.Changed("for") && o.For == "" { // as from a variable of a script that is not set
		return errors.New("--for names no file")
	}
	if !fs.Changed("endpoints") && !fs.Changed("discovery-srv") {
		return nil
	}
	if len(o.Sources) > 0 { // that variable may be set on every host of a cluster
		fmt.Fprintln(o.streams.ErrOut, "note: sources are named, so --endpoints (ETCDCTL_ENDPOINTS) is not asked")
		return nil
	}
	endpoints, err := o.endpoints()
	o.Sources = endpoints
	return err
}

// Validate finds mistakes that no flag can find alone.
func (o *RevisionOptions) Validate() error {
	if len(o.Sources) == 0 && o.For == "" {
		return errors.New("a source is missing: a snapshot, a data directory or the URL of a member")
	}
	for _, file := range append([]string{o.For}, o.Sources...) {
		if file == stdin {
			return errors.New("standard input can be read only once: save the snapshot to a file first")
		}
	}
	return nil
}

// Run reads the sources and prints what they tell. What could be read is printed
// even if the rest is an error: somebody may have nothing else.
func (o *RevisionOptions) Run(ctx context.Context) error {
	ctx, cancel := o.Limited(ctx)
	defer cancel()
	found, err := o.gather(ctx)
	if err != nil {
		return err
	}
	if len(found.sources) == 0 {
		return found.err()
	}
	err = found.err()
	if err == nil && o.For != "" {
		err = found.decide(time.Now())
	}
	if failed := (revisionReport{found}).print(o.streams.Out, o.Format); failed != nil {
		return failed
	}
	return err
}
