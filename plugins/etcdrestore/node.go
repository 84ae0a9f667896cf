package etcdrestore

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNode returns the group node.
func NewCmdNode(streams Streams, opts *Options) *cobra.Command {
	o := &NodeOptions{Options: opts, streams: streams}
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Look at, save and restore the node that this runs on",
		Long: `Look at, save and restore the control-plane node that this runs on. No API
server is needed, and nothing else has to be alive. Run it as root.`,
		Example: `  # What is there, what is broken, what to do next
  sudo kubectl etcd-restore node status

  # Take a snapshot, from the live member or from the data that it left
  sudo kubectl etcd-restore node save snapshot.db

  # See what a restore would do, then do it
  sudo kubectl etcd-restore node plan snapshot.db
  sudo kubectl etcd-restore node run snapshot.db

  # The restores that were made on this node
  sudo kubectl etcd-restore node runs`,
		PersistentPreRunE: func(*cobra.Command, []string) error { return canBeNode(runtime.GOOS) },
	}
	verb.Group(cmd)
	o.AddFlags(cmd.PersistentFlags())
	cmd.AddCommand(
		NewCmdNodeStatus(o),
		NewCmdNodeSave(o),
		NewCmdNodePlan(o),
		NewCmdNodeRun(o),
		NewCmdNodeResume(o),
		NewCmdNodeRollback(o),
		NewCmdNodeRuns(o),
		NewCmdNodeCheck(o),
		NewCmdNodeRejoin(o),
		NewCmdNodePrune(o),
		NewCmdNodeTell(o),
		NewCmdNodeFollow(o),

		// For a workstation, by way of a transport.
		NewCmdNodeReceive(o),
		NewCmdNodeSend(o),
		NewCmdNodeLeave(o),
		NewCmdNodeSweep(o),
		NewCmdNodeInstall(o),
		NewCmdNodeAgentPod(o),
		NewCmdNodeDrop(o),
	)
	return cmd
}

// canBeNode refuses a workstation of a system that no control-plane node runs, where
// each verb below node would fail in a way of its own.
func canBeNode(system string) error {
	if system == "linux" {
		return nil
	}
	return output.WithHint(fmt.Errorf("%w: a node runs Linux, and this machine %s", errNoNode, system),
		"leave out node: the verbs without it reach the nodes from here, with --ssh HOST for each if no API server answers")
}

// NodeOptions are the flags that every verb below node has.
type NodeOptions struct {
	*Options
	RootFS   string
	StateDir string

	streams Streams
}

// AddFlags adds the flags that the verbs below node share.
func (o *NodeOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.RootFS, "rootfs", "", "where the node's file system is, if it is not ours")
	fs.StringVar(&o.StateDir, "state-dir", node.DefaultRuns, "folder of the runs")
}

// Node is the node that the flags name.
func (o *NodeOptions) Node() kubeadm.Node { return kubeadm.Node{Root: o.RootFS} }

// Config is where to look for the facts of the node.
func (o *NodeOptions) Config() node.Config {
	return node.Config{Root: o.Node(), Runs: o.StateDir}
}

// kubeconfigs are those that somebody wants taken instead of kubeadm's.
func (o *NodeOptions) kubeconfigs() []string {
	if file := o.KubeConfig; file != nil && *file != "" {
		return []string{*file}
	}
	return nil
}
