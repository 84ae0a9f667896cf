package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// errNoNode is returned on a machine that kubeadm has not made a control-plane node.
var errNoNode = errors.New("not a control-plane node of kubeadm")

// NewCmdNodeStatus returns the verb node status.
func NewCmdNodeStatus(o *NodeOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show what is on this node, what is broken, and what to do next",
		Long: `Show what is on this control-plane node without any API server: its manifests
and containers, etcd with its data and health, the kubelet, certificates, and
restores that are not finished. The last lines say what it comes to, and what to
run next.

Nothing is changed, and a running etcd is not disturbed. What is dead, or may
not be seen without being root, is named, and the rest shown. It exits with 0
whatever it finds; a script reads verdict.state of -o json: healthy, degraded,
down, unfinished or unknown.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Interrupted),
		Example: `  sudo kubectl etcd-restore node status

  # For a script
  sudo kubectl etcd-restore node status -o json | jq -r .verdict.state`,
		Args: verb.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.status(cmd.Context())
		},
	}
}

func (o *NodeOptions) status(ctx context.Context) error {
	facts, err := o.look(ctx)
	if err != nil {
		return err
	}
	return o.print(o.streams.Out, newNodeStatus(facts, o.Program))
}

// look gathers the facts, unless there is nothing of kubeadm on this machine.
func (o *NodeOptions) look(ctx context.Context) (*node.Facts, error) {
	facts := node.Look(ctx, o.Config())
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if none(facts) {
		return nil, output.WithHint(fmt.Errorf("%w: there is no %s, and no kubelet is configured", errNoNode, facts.Manifests.Path),
			"run it on a control-plane node; with other files than ours below --rootfs")
	}
	return facts, nil
}

// none reports whether kubeadm was never here: neither the folder of manifests nor
// the configuration of the kubelet nor a run of ours.
func none(f *node.Facts) bool {
	return errors.Is(f.Manifests.Err, fs.ErrNotExist) && errors.Is(f.Kubelet.ConfigErr, fs.ErrNotExist) && len(f.Runs.Runs) == 0
}
