package etcdrestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/nodeprune"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodePrune returns the verb node prune.
func NewCmdNodePrune(n *NodeOptions) *cobra.Command {
	o := &NodePruneOptions{NodeOptions: n}
	cmd := &cobra.Command{
		Use:   "prune [RUN...]",
		Short: "Show what old restores of this node have kept, and remove it",
		Long: pruneLong + `

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Refused),
		Example: `  # What is kept, and what of it may go
  sudo kubectl etcd-restore node prune

  # Remove what the first line showed
  sudo kubectl etcd-restore node prune --yes`,
		ValidArgsFunction: n.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.RootFS != "" {
				return verb.UsageError(cmd, errors.New("--rootfs is for looking at a node"))
			}
			return o.Run(cmd.Context(), args)
		},
	}
	o.PruneFlags.AddFlags(cmd.Flags())
	return cmd
}

const pruneLong = `Show what restores and rejoins that are finished have kept: old data
directories, snapshots that were made of them, and with --all the runs
themselves, which hold the manifests as they were. Without --yes nothing is
removed. What is removed is gone for good, and with it the way back.

The directories that etcd uses now stay whatever is asked, and so does what a
run needs that is not finished. The old data of the newest run stay unless that
RUN is named.`

// PruneFlags are the flags of both verbs prune.
type PruneFlags struct {
	All bool
	Yes bool
}

// AddFlags adds the flags.
func (o *PruneFlags) AddFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.All, "all", false, "the runs as well, but the newest")
	fs.BoolVarP(&o.Yes, "yes", "y", false, "remove it")
}

// NodePruneOptions are the flags of node prune.
type NodePruneOptions struct {
	*NodeOptions
	PruneFlags
}

// Run shows, or removes.
func (o *NodePruneOptions) Run(ctx context.Context, names []string) error {
	if !o.Yes {
		items, err := o.find(ctx, names)
		if err != nil {
			return err
		}
		return o.print(o.streams.Out, o.report(items))
	}
	folder, err := journal.Open(o.StateDir, journal.Options{}) // so that no run begins meanwhile
	if err != nil {
		return err
	}
	defer folder.Close()
	items, err := o.find(ctx, names)
	if err != nil {
		return err
	}
	report := o.report(items)
	var errs []error
	for i, item := range items {
		if item.Keep != "" {
			continue
		}
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		if err := nodeprune.Remove(item); err != nil {
			errs = append(errs, err)
			continue
		}
		report.Items[i].Removed = true
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return o.printDone(o.streams, "it has been removed", report)
}

func (o *NodePruneOptions) find(ctx context.Context, names []string) ([]nodeprune.Item, error) {
	facts, err := o.look(ctx)
	if err != nil {
		return nil, err
	}
	if facts.Runs.Err != nil {
		return nil, facts.Runs.Err
	}
	current, err := etcdDirectories(facts)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := o.NodeOptions.find(name); err != nil {
			return nil, err
		}
	}
	return nodeprune.Find(nodeprune.Request{Folder: facts.Runs.Path, Runs: facts.Runs.Runs, Current: current, Names: names, All: o.All})
}

// etcdDirectories are those that must not go. Where they are not known nothing may.
func etcdDirectories(facts *node.Facts) ([]string, error) {
	if err := errors.Join(facts.Etcd.Err, facts.Etcd.StorageErr); err != nil {
		return nil, output.WithHint(fmt.Errorf("%w: which directory etcd uses is not known: %w", nodeprune.ErrInUse, err), "mend its manifest first")
	}
	dirs := []string{facts.Etcd.Storage.Data.HostPath()}
	if wal := facts.Etcd.Storage.WAL; wal != nil {
		dirs = append(dirs, wal.HostPath())
	}
	return dirs, nil
}

func (o *NodePruneOptions) report(items []nodeprune.Item) pruneReport {
	r := pruneReport{TypeMeta: TypeMeta{apiVersion, "NodePrune"}, DryRun: !o.Yes, Items: []pruneItem{}}
	for _, item := range items {
		r.Items = append(r.Items, pruneItem{Item: item})
	}
	return r
}

// pruneReport is what is kept, or was.
type pruneReport struct {
	TypeMeta
	DryRun bool        `json:"dryRun"`
	Items  []pruneItem `json:"items"`
}

type pruneItem struct {
	Node string `json:"node,omitempty"`
	nodeprune.Item
	Removed bool `json:"removed"`
}

func (r pruneReport) words() string {
	var p page
	if len(r.Items) == 0 {
		p.line("Nothing is kept.")
		return p.String()
	}
	size, n := int64(0), 0
	for _, i := range r.Items {
		state := "would go"
		switch {
		case i.Removed:
			state = "removed"
		case i.Keep != "":
			state = "stays"
		}
		if i.Keep == "" {
			size, n = size+i.Size, n+1
		}
		text := joined(" ", prefixed(i.Node, ":"), string(i.Kind), i.Path, parens(output.Size(i.Size)))
		if i.Keep != "" {
			text += ": " + i.Keep
		}
		p.fold(fmt.Sprintf("  %-9s ", state), "            ", text)
	}
	switch {
	case n == 0:
		p.section("Nothing of it may go.")
	case r.DryRun:
		p.section("Nothing has been removed. The same command with --yes removes what would go, %s, for good.", output.Size(size))
	default:
		p.section("%s have been removed.", output.Size(size))
	}
	return p.String()
}
