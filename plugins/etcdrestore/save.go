package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// Where a snapshot comes from.
const (
	fromLive    = "live"     // the member, which serves
	fromDataDir = "data-dir" // what it left
)

// errNeedsLive is returned when an etcd that does not answer holds its data.
var errNeedsLive = errors.New("an etcd runs on the data directory")

// NewCmdNodeSave returns the verb node save.
func NewCmdNodeSave(n *NodeOptions) *cobra.Command {
	o := &SaveOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:   "save FILE",
		Short: "Save a snapshot of this node's etcd, alive or dead",
		Long: `Save a snapshot of this node's etcd. A member that answers is asked for it, with
kubeadm's certificates. One that is dead is salvaged: the snapshot is made from
its data directory, with everything that its log holds beyond the database, and
the result says so.

With the directory of a cluster's only member the salvage is complete. One of
several may lack writes that the others acknowledged: then --tail must say what
becomes of the end of its log that is not known to be committed, or
etcdctl-snapshot-x salvage takes the directories of all members together.

The file appears once it is whole and on disk. The data directory is only read,
and never while an etcd runs on it.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.NeedsPerson, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  sudo kubectl etcd-restore node save snapshot.db

  # From the data directory, although the member may come back
  sudo kubectl etcd-restore node save snapshot.db --from data-dir

  # One of several members is all that is left: keep all that it has
  sudo kubectl etcd-restore node save snapshot.db --tail include`,
		Args: func(cmd *cobra.Command, args []string) error {
			if o.Lend != "" {
				return verb.NoArgs(cmd, args)
			}
			return verb.OneFile(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.File = strings.Join(args, "")
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	if err := o.registerCompletion(cmd); err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// SaveOptions are the flags of node save.
type SaveOptions struct {
	*NodeOptions
	File         string
	Force        bool
	From         string
	Tail         string
	AllowPartial bool
	Lend         string // name for a workstation that fetches it, instead of File
	OldDataOf    string // a run, whose old data are saved instead of the present
}

// AddFlags adds the flags that only save has.
func (o *SaveOptions) AddFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.Force, "force", false, "replace FILE if it exists; a salvage never does")
	fs.StringVar(&o.From, "from", "", "take it from this `SOURCE`: live or data-dir (default: live if the member answers)")
	fs.StringVar(&o.Tail, "tail", "", "salvage: `WHAT` becomes of the unproven end, include or committed")
	fs.BoolVar(&o.AllowPartial, "allow-partial", false, "salvage: take what stands before the damage in a log")
	fs.StringVar(&o.Lend, "lend", "", "save it into the folder for transfers, under this name")
	fs.StringVar(&o.OldDataOf, "old-data-of", "", "salvage what this `RUN` has left aside, instead of the present data")
	_ = fs.MarkHidden("lend") // they exist: the lines above
	_ = fs.MarkHidden("old-data-of")
}

func sources() []string { return []string{fromLive, fromDataDir} }

func tails() []string { return []string{string(salvage.TailInclude), string(salvage.TailCommitted)} }

func (o *SaveOptions) registerCompletion(cmd *cobra.Command) error {
	return errors.Join(
		cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(sources(), cobra.ShellCompDirectiveNoFileComp)),
		cmd.RegisterFlagCompletionFunc("tail", cobra.FixedCompletions(tails(), cobra.ShellCompDirectiveNoFileComp)),
	)
}

// Validate finds mistakes that no flag can find alone.
func (o *SaveOptions) Validate() error {
	switch {
	case o.From != "" && !slices.Contains(sources(), o.From):
		return fmt.Errorf("--from must be %s, not %q", strings.Join(sources(), " or "), o.From)
	case o.Tail != "" && !slices.Contains(tails(), o.Tail):
		return fmt.Errorf("--tail must be %s, not %q", strings.Join(tails(), " or "), o.Tail)
	case o.Force && o.From == fromDataDir:
		return errors.New("--force is for a live member: a salvage replaces no file")
	case o.From == fromLive && (o.Tail != "" || o.AllowPartial):
		return errors.New("--tail and --allow-partial are for a salvage, not for --from live")
	}
	return nil
}

// Run saves the snapshot.
func (o *SaveOptions) Run(ctx context.Context) error {
	if o.Lend != "" {
		path, err := o.lend()
		if err != nil {
			return err
		}
		o.File = path
	}
	if err := newfile.Check(o.File, o.Force); err != nil {
		return err
	}
	if o.OldDataOf != "" {
		return o.saveOldData(ctx)
	}
	facts, err := o.look(ctx)
	if err != nil {
		return err
	}
	switch {
	case o.From == fromLive, o.From == "" && facts.Live.Err == nil:
		return o.saveLive(ctx, facts)
	case facts.Data.Running:
		return o.refuseRunning(facts)
	case facts.Data.Err != nil:
		return output.WithHint(fmt.Errorf("no member answers (%w), and there is no data directory: %w", facts.Live.Err, facts.Data.Err),
			"see %s node status", o.Program)
	}
	return o.salvage(ctx, facts)
}

// refuseRunning says which of the two ways a person should open.
func (o *SaveOptions) refuseRunning(f *node.Facts) error {
	err := fmt.Errorf("%w: %s", errNeedsLive, f.Data.Dir.Path)
	if f.Live.Err == nil {
		return output.WithHint(err, "it answers: take --from live, or stop it first")
	}
	return output.WithHint(fmt.Errorf("%w, and does not answer: %w", err, f.Live.Err),
		"see why: %s node status; or stop it first: move etcd.yaml out of %s and wait until it has ended", o.Program, output.Quote(f.Manifests.Path))
}
