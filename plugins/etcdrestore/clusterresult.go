package etcdrestore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/proof"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// proofPatience is how long a restored control plane may take until all is well again:
// leases have to be renewed, and kubelets to notice.
const proofPatience = 2 * time.Minute

// done reports what became of a run, with the proof if it is complete, and cleans up on
// the nodes after one that is over.
func (o *ClusterOptions) done(ctx context.Context, nodes *Nodes, result *recovery.Result, excluded []string, plane *topology.ControlPlane, err error) error {
	if result == nil {
		return err
	}
	r := newClusterResult(result, excluded, o.command)
	r.rejoin = func(name string) string { return o.rejoin(plane, name) }
	if err == nil && r.Outcome == string(journal.Complete) {
		r.Check, err = o.prove(ctx, nodes, result.Run, excluded)
		if err != nil {
			err = output.WithHint(fmt.Errorf("the restore is complete, and not proved: %w", err), "look again: %s", o.command("check "+result.Run))
		}
	}
	switch {
	case errors.Is(err, recovery.ErrNothingStopped):
		var p page
		p.line("What was sent to the nodes stays there for the next try. To remove it:")
		p.command(o.command("cleanup"))
		fmt.Fprint(o.streams.ErrOut, p.String())
	case r.over():
		o.sweep(context.WithoutCancel(ctx), nodes)
	}
	if err != nil && r.Check == nil {
		if r.Stopped != nil { // otherwise the error says all
			fmt.Fprintln(o.streams.ErrOut, r.words())
		}
		return err
	}
	return errors.Join(err, o.printDone(o.streams, "the run "+result.Run+" is finished", r))
}

// prove checks what was restored, again until all is well or time is up.
func (o *ClusterOptions) prove(ctx context.Context, nodes *Nodes, run string, excluded []string) (*proof.Report, error) {
	fmt.Fprintln(o.streams.ErrOut, "Checking the result ...")
	wait := WaitOptions{Wait: proofPatience}
	report, err := wait.until(ctx, func(ctx context.Context) (*proof.Report, error) {
		return checkNodes(ctx, nodes, run, proof.Scope{Excluded: excluded})
	})
	if err != nil {
		return nil, err
	}
	return report, report.Err()
}

// sweep removes what was brought onto the nodes for the run. What cannot be removed is
// only in the way.
func (o *ClusterOptions) sweep(ctx context.Context, nodes *Nodes) {
	for _, way := range nodes.All {
		limited, cancel := context.WithTimeout(ctx, nodePatience)
		err := way.Run(limited, transport.Command{Args: []string{"node", "sweep"}})
		cancel()
		if err != nil {
			fmt.Fprintf(o.streams.ErrOut, "warning: what was sent to %s could not be removed: %s\n", way.Name(), output.Clean(err.Error()))
		}
	}
}

// clusterResult is what became of a run on all nodes.
type clusterResult struct {
	TypeMeta
	Run             string            `json:"run"`
	Outcome         string            `json:"outcome"` // complete, rolled back, mixed
	Stopped         *time.Time        `json:"stopped,omitempty"`
	Ready           *time.Time        `json:"ready,omitempty"`
	DowntimeSeconds float64           `json:"downtimeSeconds,omitempty"` // from the first stop to the first API server
	Nodes           []recovery.Status `json:"nodes"`
	Excluded        []string          `json:"excluded"`
	Check           *proof.Report     `json:"check,omitempty"`

	command func(string) string
	rejoin  func(node string) string
}

func newClusterResult(r *recovery.Result, excluded []string, command func(string) string) clusterResult {
	c := clusterResult{
		TypeMeta: TypeMeta{apiVersion, "ClusterRestore"}, Run: r.Run, Nodes: r.Nodes, Excluded: list(excluded),
		Stopped: moment(r.Stopped), Ready: moment(r.Ready), command: command,
	}
	for i, n := range r.Nodes {
		switch {
		case i == 0:
			c.Outcome = n.Outcome
		case n.Outcome != c.Outcome:
			c.Outcome = "mixed"
		}
	}
	if c.Outcome == "" {
		c.Outcome = "mixed"
	}
	if r.Ready.After(r.Stopped) && !r.Stopped.IsZero() {
		c.DowntimeSeconds = r.Ready.Sub(r.Stopped).Seconds()
	}
	return c
}

// over reports whether nothing more will become of the run on any node.
func (r clusterResult) over() bool {
	return r.Outcome == string(journal.Complete) || r.Outcome == string(journal.RolledBack)
}

func (r clusterResult) words() string {
	var p page
	if r.Check != nil { // what it comes to stands below, where the eye is
		p.section("Checks")
		for _, c := range r.Check.Results {
			p.fold(fmt.Sprintf("  %-8s %-12s ", c.State, c.Check), "                        ", c.Evidence)
		}
	}
	switch r.Outcome {
	case string(journal.Complete):
		p.section("Restored: run %s", r.Run)
	case string(journal.RolledBack):
		p.section("Rolled back: run %s", r.Run)
	default:
		p.section("Not finished: run %s", r.Run)
	}
	for _, n := range r.Nodes {
		p.fact(n.Node, "%s", nodeWords(n))
	}
	if r.DowntimeSeconds > 0 {
		p.fact("downtime", "%.0f s without any API server", r.DowntimeSeconds)
	}
	if r.Outcome != string(journal.Complete) {
		return p.String()
	}
	for _, name := range r.Excluded {
		p.section("%s took no part: it must not boot with its old data. To bring it back:", name)
		p.command(r.rejoin(name))
	}
	p.section("Watch these for the next minutes")
	p.command("kubectl get nodes")
	p.command("kubectl get pods -A --field-selector=status.phase!=Running")
	p.line("Pods made after the snapshot are being stopped, those deleted since come back. The old data stay on the nodes; when all is well:")
	p.command(r.command("prune"))
	return p.String()
}

// nodeWords is how far a node came.
func nodeWords(n recovery.Status) string {
	text := n.Outcome
	if text == "" {
		text = "unfinished, at step " + n.Phase + "/" + n.Step
	}
	if n.Committed && n.Outcome == "" {
		text += ", committed"
	}
	if n.Ready.After(n.Stopped) && !n.Stopped.IsZero() {
		text += fmt.Sprintf(", %.0f s without its API server", n.Ready.Sub(n.Stopped).Seconds())
	}
	return joined("; ", text, prefixed("not heard of: ", n.Lost), n.Error)
}
