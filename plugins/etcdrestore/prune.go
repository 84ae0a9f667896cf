package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdPrune returns the verb prune.
func NewCmdPrune(streams Streams, opts *Options) *cobra.Command {
	o := &PruneOptions{ClusterOptions: &ClusterOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:   "prune [RUN...]",
		Short: "Show what old restores have kept on the nodes, and remove it",
		Long: pruneLong + ` RUN is the ID of a decision, or the
name of a run on one of the nodes.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Refused),
		Example: `  # What is kept on which node, and what of it may go
  kubectl etcd-restore prune --ssh root@cp1 --ssh root@cp2 --ssh root@cp3`,
		Annotations:       map[string]string{annotationCluster: ""},
		ValidArgsFunction: o.completeRuns(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context(), args)
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// PruneOptions are the flags of prune.
type PruneOptions struct {
	*ClusterOptions
	PruneFlags
}

// AddFlags adds all flags of the verb.
func (o *PruneOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	o.PruneFlags.AddFlags(fs)
}

// Run shows, or removes. A node that has no such run is not at fault: others have.
func (o *PruneOptions) Run(ctx context.Context, names []string) error {
	nodes, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer nodes.Close()
	args := []string{"node", "prune", "-o", "json"}
	if o.All {
		args = append(args, "--all")
	}
	if o.Yes {
		args = append(args, "--yes")
	}
	args = append(append(args, "--"), names...)
	reports, errs := make([]pruneReport, len(nodes.All)), make([]error, len(nodes.All))
	var all sync.WaitGroup
	for i, n := range nodes.All {
		all.Go(func() { errs[i] = askJSON(ctx, n, args, &reports[i]) })
	}
	all.Wait()
	report := pruneReport{TypeMeta: TypeMeta{apiVersion, "Prune"}, DryRun: !o.Yes, Items: []pruneItem{}}
	var failed, strangers []error
	told := 0
	for i, n := range nodes.All {
		var exit *transport.ExitError
		if errors.As(errs[i], &exit) && exit.Code == int(exitcode.BadUsage) && len(nodes.All) > 1 && len(names) > 0 {
			strangers = append(strangers, errs[i])
			continue
		}
		if errs[i] != nil {
			failed = append(failed, fmt.Errorf("%s: %w", n.Name(), errs[i]))
			continue
		}
		told++
		for _, item := range reports[i].Items {
			item.Node = n.Name()
			report.Items = append(report.Items, item)
		}
	}
	for _, f := range nodes.Failed {
		failed = append(failed, fmt.Errorf("%s: %w", f.Name, f.Err))
	}
	if told == 0 {
		return errors.Join(append(failed, strangers...)...)
	}
	return errors.Join(o.printDone(o.streams, "it has been removed", report), errors.Join(failed...))
}
