package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderejoin"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/prompt"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeRejoin returns the verb node rejoin.
func NewCmdNodeRejoin(n *NodeOptions) *cobra.Command {
	o := &NodeRejoinOptions{WorkOptions: &WorkOptions{NodeOptions: n}}
	cmd := &cobra.Command{
		Use:   "rejoin",
		Short: "Bring the etcd of this node into a cluster that lives",
		Long: `Bring the etcd of this node into the cluster of other nodes that lives: one that
this node was left out of by a restore, or in which its data were lost.

The static pods of the control plane of this node are stopped. A member that was
here is removed from the cluster, a learner is added, etcd begins in an empty
directory, and gets its vote once it has all data; then the API server and the
controllers come back. The old data stay: beside the new ones, or moved aside
where these have to have their name, because kubeadm knows it.

If anything fails before the vote, everything is taken back. After a crash, node
resume goes on, or node rollback goes back.

` + exitcode.Help(exitcode.All()...),
		Example: `  # On the node that is to come back
  sudo kubectl etcd-restore node rejoin --endpoints https://10.0.0.1:2379`,
		Args: verb.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return verb.UsageError(cmd, err)
			}
			return o.Run(cmd.Context())
		},
	}
	o.AddFlags(cmd.Flags())
	return cmd
}

// NodeRejoinOptions are the flags of node rejoin.
type NodeRejoinOptions struct {
	*WorkOptions
	Endpoints  []string
	ClusterID  string
	OthersData string
	Mode       string
	ID         string
	Sync       time.Duration
	DryRun     bool
	Yes        bool
}

// AddFlags adds all flags of the verb.
func (o *NodeRejoinOptions) AddFlags(fs *pflag.FlagSet) {
	fs.DurationVar(&o.Grace, "grace-period", 2*time.Second, "from SIGTERM to SIGKILL, for each container")
	fs.DurationVar(&o.Timeout, "timeout", 3*time.Minute, "for etcd to start, and for the API server to serve")
	fs.DurationVar(&o.Sync, "sync-timeout", syncTime, "for etcd to have all data of the cluster")
	fs.StringSliceVar(&o.Endpoints, "endpoints", nil, "client `URLS` of members that serve")
	fs.StringVar(&o.ClusterID, "cluster-id", "", "the `ID` of their cluster, to join no other")
	fs.StringVar(&o.OthersData, "others-data-dir", "", "etcd's `DIRECTORY` on the other nodes, to have the same here")
	fs.StringVar(&o.Mode, "data-dir-mode", "", "`MODE`: manifest (etcd.yaml names the new directory) or swap (the old one moves aside); default: by --others-data-dir")
	fs.BoolVar(&o.DryRun, "dry-run", false, "only show what would be done")
	fs.BoolVarP(&o.Yes, "yes", "y", false, "do not ask")
	fs.StringVar(&o.ID, "id", "", "name of what is made")
	fs.Lookup("id").Hidden = true
}

// syncTime is what a learner is given to catch up.
const syncTime = 30 * time.Minute

// Validate finds mistakes that no flag can find alone.
func (o *NodeRejoinOptions) Validate() error {
	switch {
	case len(o.Endpoints) == 0:
		return errors.New("--endpoints is missing: the client URL of a member that serves")
	case o.Mode != "" && o.Mode != string(noderestore.ModeManifest) && o.Mode != string(noderestore.ModeSwap):
		return fmt.Errorf("--data-dir-mode must be manifest or swap, not %q", o.Mode)
	case o.ID != "" && !noderestore.IsDecision(o.ID):
		return fmt.Errorf("--id must be like 20261126T120000Z-4f2a, not %q", o.ID)
	case o.Grace < 0 || o.Timeout <= 0 || o.Sync <= 0:
		return errors.New("--timeout and --sync-timeout must be positive, --grace-period not negative")
	case o.RootFS != "":
		return errors.New("--rootfs is for looking at a node: a member rejoins on the node that it runs on")
	}
	return nil
}

// Run rejoins.
func (o *NodeRejoinOptions) Run(ctx context.Context) error {
	facts, err := o.look(ctx)
	if err != nil {
		return err
	}
	plan, err := noderejoin.Make(ctx, facts, o.Node(), noderejoin.Wish{
		Endpoints: o.Endpoints, ClusterID: o.ClusterID, DataDir: o.OthersData, Mode: noderestore.Mode(o.Mode), ID: o.ID, Now: time.Now(),
	})
	if err != nil {
		return err
	}
	if o.DryRun {
		return o.print(o.streams.Out, rejoinPlan{plan})
	}
	fmt.Fprintln(o.streams.ErrOut, rejoinPlan{plan}.words())
	if !o.Yes {
		err := prompt.Confirm(ctx, o.streams, "Stop the control plane of this node and rejoin?")
		if errors.Is(err, prompt.ErrNoTerminal) {
			err = exitcode.Usage(output.WithHint(err, "add --yes to do it without being asked"))
		}
		if err != nil {
			return err
		}
	}
	folder, err := journal.Open(o.StateDir, journal.Options{})
	if err != nil {
		return err
	}
	defer folder.Close()
	return o.work(func(work noderestore.Options) (*journal.Run, error) {
		options := rejoinOptions(work)
		options.Sync = o.Sync
		return noderejoin.Run(ctx, folder, plan, options)
	})
}

// rejoinOptions are those of any run, for one that rejoins.
func rejoinOptions(o noderestore.Options) noderejoin.Options {
	return noderejoin.Options{
		Kubeconfigs: o.Kubeconfigs, Grace: o.Grace, Timeout: o.Timeout, Sync: syncTime,
		NoRollback: o.NoRollback, Progress: o.Progress, FS: o.FS,
	}
}

// reportOf is what became of a run, whatever it did.
func reportOf(run *journal.Run) object {
	if noderejoin.IsPlan(run.Plan()) {
		return newRejoinReport(run)
	}
	return newWorkReport(run)
}
