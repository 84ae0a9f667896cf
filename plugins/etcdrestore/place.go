package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// place is where somebody stands who types no verb, and what to type next.
type place struct {
	TypeMeta
	Node    string  `json:"node,omitempty"`   // this machine, if it is one of a control plane
	Server  string  `json:"server,omitempty"` // the API server that was asked, if it is none
	Verdict verdict `json:"verdict"`
	Help    string  `json:"-"` // the command that lists all others
}

// showPlace makes cmd, the root, answer without a verb, where it would only hold others.
func showPlace(cmd *cobra.Command, streams Streams, opts *Options) {
	others := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return others(cmd, args)
		}
		here := &NodeOptions{Options: opts, StateDir: node.DefaultRuns, streams: streams}
		p, err := here.lookAround(cmd.Context())
		if err != nil {
			return err
		}
		return opts.print(streams.Out, p)
	}
}

// lookAround sees whether this machine is a control-plane node, else whether the API
// server of the kubeconfig answers. It changes nothing, makes no helper pod, and does not
// wait long for anybody.
func (o *NodeOptions) lookAround(ctx context.Context) (place, error) {
	p := place{TypeMeta: TypeMeta{apiVersion, "Place"}, Help: o.Program + " --help"}
	facts, err := o.look(ctx)
	switch {
	case err == nil:
		p.Node, p.Verdict = facts.Hostname, judge(facts, o.Program)
		return p, nil
	case !errors.Is(err, errNoNode):
		return p, err
	}
	all := &ClusterOptions{Options: o.Options, streams: o.streams}
	config, err := all.restConfig()
	if err != nil {
		p.Verdict = o.nowhere(err)
		return p, nil
	}
	p.Server = config.Host
	kube, err := all.askKubernetes(ctx)
	if interrupted := ctx.Err(); interrupted != nil {
		return p, interrupted
	}
	if err != nil {
		p.Verdict = o.unanswered(err)
	} else {
		p.Verdict = o.answered(kube)
	}
	return p, nil
}

// nowhere is the verdict where no cluster is known.
func (o *Options) nowhere(why error) verdict {
	return verdict{
		stateUnknown, fmt.Sprintf("This machine is no control-plane node, and no API server is known: %v.", why),
		[]string{
			o.Program + " status --kubeconfig FILE",
			o.Program + " status --ssh root@HOST --ssh root@HOST --ssh root@HOST",
			o.Program + " ls SNAPSHOT",
		},
	}
}

// unanswered is the verdict on an API server that does not say what there is, which may
// be the disaster, or a matter of rights.
func (o *Options) unanswered(why error) verdict {
	if apierrors.IsUnauthorized(why) || apierrors.IsForbidden(why) {
		return verdict{
			stateUnknown, fmt.Sprintf("The API server answers, and does not let you look: %v. Give it the kubeconfig of an administrator, or go to the control-plane nodes by ssh, all of them.", why),
			[]string{o.Program + " status --kubeconfig FILE", o.Program + " status --ssh root@HOST --ssh root@HOST --ssh root@HOST"},
		}
	}
	return verdict{
		stateUnknown, fmt.Sprintf("The API server does not answer: %v. Go to the control-plane nodes by ssh, all of them.", why),
		[]string{o.Program + " status --ssh root@HOST --ssh root@HOST --ssh root@HOST" + o.connection()},
	}
}

// answered is the verdict on what an API server knows of its control plane: that it is
// healthy needs a look at the nodes.
func (o *Options) answered(kube *topology.Kubernetes) verdict {
	var unready []string
	for _, n := range kube.Nodes {
		if !n.Ready {
			unready = append(unready, n.Name)
		}
	}
	next := []string{o.Program + " status" + o.connection(), o.Program + " save" + o.connection()}
	switch {
	case len(kube.Errors) > 0:
		return verdict{stateUnknown, fmt.Sprintf("The API server answers, and does not tell all: %s.", strings.Join(kube.Errors, "; ")), next[:1]}
	case len(unready) > 0:
		return verdict{stateDegraded, fmt.Sprintf("The API server answers; of its %s not ready: %s.",
			count(len(kube.Nodes), "control-plane node"), strings.Join(unready, ", ")), next[:1]}
	}
	return verdict{stateHealthy, fmt.Sprintf("The API server answers; its %s ready.", count(len(kube.Nodes), "control-plane node")+are(len(kube.Nodes))), next}
}

func are(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func (p place) words() string {
	var text page
	switch {
	case p.Node != "":
		text.section("This machine is the control-plane node %s.", p.Node)
	case p.Server != "":
		text.section("The API server of the kubeconfig is %s.", p.Server)
	}
	p.Verdict.words(&text)
	text.section("All commands: %s", p.Help)
	return text.String()
}
