package etcdrestore

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdStatus returns the verb status.
func NewCmdStatus(streams Streams, opts *Options) *cobra.Command {
	o := &StatusOptions{ClusterOptions: ClusterOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:         "status [SNAPSHOT...]",
		Annotations: map[string]string{annotationCluster: ""},
		Short:       "Show the control plane, what is broken, and what to do next",
		Long: `Show the whole control plane, with its API servers up or down: each node with
its etcd member, kubelet and API server, where nodes, Kubernetes and etcd do not
agree, whether there is a quorum, and the least lossy way back if there is none.
With snapshots it says what a restore of each would lose.

Nothing is changed, and a running etcd is not disturbed. It exits with 0
whatever it finds; a script reads verdict.state of -o json: healthy, degraded,
down, unfinished, external or unknown.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Interrupted),
		Example: `  # The API server answers
  kubectl etcd-restore status

  # It does not: over ssh, and what would two snapshots lose?
  kubectl etcd-restore status --ssh root@cp1 --ssh root@cp2 --ssh root@cp3 \
    a.db b.db

  # For a script
  kubectl etcd-restore status -o json | jq -r .verdict.state`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Snapshots = args
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

// StatusOptions are the flags of status.
type StatusOptions struct {
	ClusterOptions
	ChoiceOptions
	Snapshots []string
	Watch     bool
	Timeout   time.Duration
}

// AddFlags adds the flags of status.
func (o *StatusOptions) AddFlags(fs *pflag.FlagSet) {
	o.ClusterOptions.AddFlags(fs)
	o.ChoiceOptions.AddFlags(fs)
	fs.BoolVar(&o.Watch, "watch", false, "look again every two seconds, until Ctrl-C")
	fs.DurationVar(&o.Timeout, "timeout", nodePatience, "how long a node may take to answer")
}

// Validate finds mistakes that no flag can find alone.
func (o *StatusOptions) Validate() error {
	if o.Timeout <= 0 {
		return errors.New("--timeout must be positive")
	}
	return o.ClusterOptions.Validate()
}

// Run looks at the control plane.
func (o *StatusOptions) Run(ctx context.Context) error {
	if o.Watch {
		return o.watch(ctx)
	}
	nodes, err := o.reach(ctx)
	if err != nil {
		return err
	}
	defer nodes.Close()
	status, err := o.look(ctx, nodes)
	if err != nil {
		return err
	}
	return o.print(o.streams.Out, status)
}

func (o *StatusOptions) look(ctx context.Context, nodes *Nodes) (clusterStatus, error) {
	plane, err := o.survey(ctx, nodes, o.Snapshots, o.Timeout, o.Choice())
	if err != nil {
		return clusterStatus{}, err
	}
	return o.newClusterStatus(plane), nil
}
