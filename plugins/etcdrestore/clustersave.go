package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdSave returns the verb save.
func NewCmdSave(streams Streams, opts *Options) *cobra.Command {
	o := &ClusterSaveOptions{ClusterOptions: ClusterOptions{Options: opts, streams: streams, pods: podOptions{DataOnly: true}}}
	cmd := &cobra.Command{
		Use:         "save [FILE]",
		Annotations: map[string]string{annotationCluster: ""},
		Short:       "Save a snapshot from the best member, alive or dead",
		Long: `Save a snapshot of the cluster's etcd into a file here, with its API servers up
or down. Without FILE its name has the cluster and the time.

With a quorum it is taken from the member with the highest revision, of equals
the leader. Without one it is salvaged from what the members left, with what
their logs hold beyond the databases: of stopped members from the one whose log
reaches furthest. If a majority of the voters was compared it has every write
that was ever acknowledged; otherwise --tail must say what becomes of the end of
the log that is not known to be committed.

The file is compared with its SHA-256, and appears once it is whole. It holds
the secrets of the cluster: only you may read it, and no copy stays on the node.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.NeedsPerson, exitcode.Integrity, exitcode.Refused, exitcode.Interrupted),
		Example: `  # The API server answers
  kubectl etcd-restore save

  # It does not: over ssh
  kubectl etcd-restore save snapshot.db \
    --ssh root@cp1 --ssh root@cp2 --ssh root@cp3

  # One member is all that is left: keep all that its log has
  kubectl etcd-restore save snapshot.db --ssh root@cp3 --from cp3 --tail include`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return verb.UsageError(cmd, fmt.Errorf("one FILE expected, got %d arguments", len(args)))
			}
			return nil
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
	err := errors.Join(
		o.ClusterOptions.registerCompletion(cmd),
		cmd.RegisterFlagCompletionFunc("tail", cobra.FixedCompletions(tails(), cobra.ShellCompDirectiveNoFileComp)),
	)
	if err != nil {
		panic(err) // a flag that does not exist: found by any test that makes the command
	}
	return cmd
}

// ClusterSaveOptions are the flags of save.
type ClusterSaveOptions struct {
	ClusterOptions
	File         string
	From         string
	Tail         string
	AllowPartial bool
	Timeout      time.Duration
}

// AddFlags adds the flags of save.
func (o *ClusterSaveOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	fs.StringVar(&o.From, "from", "", "take it from this `NODE`, not from the best")
	fs.StringVar(&o.Tail, "tail", "", "salvage: `WHAT` becomes of the unproven end, include or committed")
	fs.BoolVar(&o.AllowPartial, "allow-partial", false, "salvage: take what stands before the damage in a log")
	fs.DurationVar(&o.Timeout, "timeout", nodePatience, "how long a node may take to say how it is")
}

// Validate finds mistakes that no flag can find alone.
func (o *ClusterSaveOptions) Validate() error {
	switch {
	case o.Tail != "" && !slices.Contains(tails(), o.Tail):
		return fmt.Errorf("--tail must be %s, not %q", strings.Join(tails(), " or "), o.Tail)
	case o.Timeout <= 0:
		return errors.New("--timeout must be positive")
	}
	return o.ClusterOptions.Validate()
}

// Run saves the snapshot.
func (o *ClusterSaveOptions) Run(ctx context.Context) error {
	if o.File != "" {
		if err := newfile.Check(o.File, false); err != nil {
			return err
		}
	}
	nodes, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer nodes.Close()
	return o.save(ctx, nodes)
}

func (o *ClusterSaveOptions) save(ctx context.Context, nodes *Nodes) error {
	plane, err := o.survey(ctx, nodes, nil, o.Timeout, topology.Choice{})
	if err != nil {
		return err
	}
	source, err := o.choose(plane)
	if err != nil {
		return err
	}
	if o.File == "" {
		o.File = snapshotName(plane)
		if err := newfile.Check(o.File, false); err != nil {
			return err
		}
	}
	for _, n := range nodes.All {
		if n.Name() == source.node.Host {
			return o.saveFrom(ctx, n, source)
		}
	}
	return output.WithHint(fmt.Errorf("%w: %s", errNoWay, source.node.Name), "see %s", o.Program+" status"+o.way())
}
