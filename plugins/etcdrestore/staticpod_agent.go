package etcdrestore

import (
	"context"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/agentpod"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdNodeInstall returns the verb node install. It is for the transport of helper
// pods, in whose image nothing hashes a file.
func NewCmdNodeInstall(*NodeOptions) *cobra.Command {
	return &cobra.Command{
		Use: "install SHA256", Hidden: true, Args: cobra.ExactArgs(1),
		Short: "Put this program in its place on a node",
		RunE: func(_ *cobra.Command, args []string) error {
			program, err := os.Executable()
			if err != nil {
				return err
			}
			return agentpod.Install(program, transport.Program{SHA256: args[0]}.Path(), args[0])
		},
	}
}

// NewCmdNodeAgentPod returns the group node agent-pod: the node's side of a job that is
// left there as a static pod. It is for the transport of helper pods.
func NewCmdNodeAgentPod(n *NodeOptions) *cobra.Command {
	cmd := &cobra.Command{Use: "agent-pod", Hidden: true, Short: "A job as a static pod of this node"}
	verb.Group(cmd)
	cmd.AddCommand(newCmdAgentLeave(n), newCmdAgentRun(n), newCmdAgentSweep(n))
	return cmd
}

func newCmdAgentLeave(n *NodeOptions) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "leave --name NAME", Args: verb.NoArgs,
		Short: "Start the job whose manifest comes on standard input",
		RunE: func(cmd *cobra.Command, _ []string) error {
			text, err := io.ReadAll(io.LimitReader(n.streams.In, 1<<20))
			if err != nil {
				return err
			}
			return n.agents().Leave(cmd.Context(), name, text)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "of the job")
	return cmd
}

func newCmdAgentRun(n *NodeOptions) *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "run --name NAME -- ARG...", Args: cobra.MinimumNArgs(1),
		Short: "Run a job, and remove its manifest when it is done",
		RunE: func(cmd *cobra.Command, args []string) error {
			return n.agents().Run(cmd.Context(), name, args, func(ctx context.Context, log io.Writer) int {
				return run(ctx, Streams{In: strings.NewReader(""), Out: log, ErrOut: log}, newOptions(), args)
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "of the job")
	return cmd
}

func newCmdAgentSweep(n *NodeOptions) *cobra.Command {
	return &cobra.Command{
		Use: "sweep", Args: verb.NoArgs,
		Short: "Remove the manifests of jobs that are done",
		RunE: func(*cobra.Command, []string) error {
			if err := (&SweepOptions{NodeOptions: n}).refuseUnfinished(); err != nil {
				return err
			}
			swept, err := n.agents().Sweep()
			if err != nil {
				return err
			}
			return n.print(n.streams.Out, agentSweep{TypeMeta{apiVersion, "AgentSweep"}, list(swept)})
		},
	}
}

// agentSweep is the form of node agent-pod sweep -o json.
type agentSweep struct {
	TypeMeta
	Jobs []string `json:"jobs"`
}

func (s agentSweep) words() string {
	var p page
	for _, name := range s.Jobs {
		p.line("The static pod of %s was left, and is removed.", name)
	}
	return p.String()
}

// agents is where agents are on this node.
func (o *NodeOptions) agents() agentpod.Place {
	p := agentpod.Place{Manifests: o.Node().ManifestFolder(), Logs: o.logs()}
	if config, err := o.Node().Kubelet(); err == nil && config.StaticPodPath != "" {
		p.Manifests = o.Node().Path(config.StaticPodPath)
	}
	return p
}
