package etcdrestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/spf13/cobra"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	helperpod "github.com/etcd-restore/etcd-restore/pkg/transport/pod"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/verb"
)

// NewCmdCleanup returns the verb cleanup.
func NewCmdCleanup(streams Streams, opts *Options) *cobra.Command {
	o := &CleanupOptions{ClusterOptions: &ClusterOptions{Options: opts, streams: streams}}
	cmd := &cobra.Command{
		Use:         "cleanup",
		Short:       "Remove what a crash left: helper pods, static pods, uploads",
		Annotations: map[string]string{annotationCluster: ""},
		Long: `Remove what a workstation that crashed has left in the cluster and on its
control-plane nodes: helper pods, static pods whose work is done, and uploads
that nothing will use. Runs are kept, and so is the old data of etcd.

Another workstation that is at work loses its connection, and makes another one.

` + exitcode.Help(exitcode.OK, exitcode.Failed, exitcode.BadUsage, exitcode.Refused, exitcode.Interrupted),
		Example: `  kubectl etcd-restore cleanup

  # With the API server dead
  kubectl etcd-restore cleanup --ssh root@cp1 --ssh root@cp2 --ssh root@cp3`,
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

// CleanupOptions are the flags of cleanup.
type CleanupOptions struct{ *ClusterOptions }

// Run removes what was left, and tells what that was. What fails on one node keeps it
// from no other.
func (o *CleanupOptions) Run(ctx context.Context) error {
	report := cleanupReport{TypeMeta: TypeMeta{apiVersion, "Cleanup"}, HelperPods: []helperpod.Swept{}, Nodes: []nodeCleanup{}}
	var errs []error
	if len(o.SSH) == 0 && !o.Local {
		cluster, err := o.cluster()
		if err != nil {
			return err
		}
		swept, err := cluster.Sweep(ctx)
		report.HelperPods = append(report.HelperPods, swept...)
		errs = append(errs, err)
	}
	nodes, err := o.connect(ctx)
	if err != nil {
		return errors.Join(append(errs, err, o.printDone(o.streams, "the helper pods are removed", report))...)
	}
	report.Nodes = append(report.Nodes, o.sweep(ctx, nodes.All)...)
	for _, n := range nodes.Failed {
		report.Nodes = append(report.Nodes, nodeCleanup{Node: n.Name, Jobs: []string{}, Files: []string{}, err: n.Err})
	}
	for i, n := range report.Nodes {
		report.Nodes[i].Error = message(n.err)
		errs = append(errs, n.err)
	}
	errs = append(errs, nodes.Close())
	return errors.Join(append(errs, o.printDone(o.streams, "the nodes are clean", report))...)
}

func (o *CleanupOptions) sweep(ctx context.Context, nodes []transport.Node) []nodeCleanup {
	done := make([]nodeCleanup, len(nodes))
	var all sync.WaitGroup
	for i, n := range nodes {
		all.Go(func() {
			var jobs agentSweep
			var files sweepReport
			err := sweepBy(ctx, n, &jobs, "node", "agent-pod", "sweep")
			if err == nil {
				err = sweepBy(ctx, n, &files, "node", "sweep")
			}
			done[i] = nodeCleanup{Node: n.Name(), Jobs: list(jobs.Jobs), Files: list(files.Removed), err: err}
		})
	}
	all.Wait()
	return done
}

// sweepBy runs a verb on a node and reads what it answers.
func sweepBy(ctx context.Context, n transport.Node, answer any, args ...string) error {
	var out bytes.Buffer
	if err := n.Run(ctx, transport.Command{Args: append(args, "-o", "json"), Stdout: &out}); err != nil {
		return err
	}
	return json.Unmarshal(out.Bytes(), answer)
}

// cleanupReport is the form of cleanup -o json.
type cleanupReport struct {
	TypeMeta
	HelperPods []helperpod.Swept `json:"helperPods"`
	Nodes      []nodeCleanup     `json:"nodes"`
}

type nodeCleanup struct {
	Node  string   `json:"node"`
	Jobs  []string `json:"jobs"`  // whose static pods were left
	Files []string `json:"files"` // and folders that were brought there
	Error string   `json:"error,omitempty"`

	err error
}

func (r cleanupReport) words() string {
	var p page
	if len(r.HelperPods) > 0 {
		p.line("removed helper pods:")
	}
	for _, h := range r.HelperPods {
		p.raw("  " + output.Clean(h.Name+" on "+h.Node))
	}
	for _, n := range r.Nodes {
		n.words(&p)
	}
	return p.String()
}

// words have a line for each path, whole whatever its length: the name of an upload is as
// long as a line.
func (n nodeCleanup) words(p *page) {
	switch {
	case n.Error != "":
		p.fold(output.Clean(n.Node)+": ", "  ", n.Error)
	case len(n.Jobs)+len(n.Files) == 0:
		p.line("%s: nothing was left", n.Node)
	}
	if len(n.Jobs) > 0 {
		p.line("%s: removed static pods of", n.Node)
	}
	for _, job := range n.Jobs {
		p.raw("  " + output.Clean(job))
	}
	if len(n.Files) > 0 {
		p.line("%s: removed", n.Node)
	}
	for _, file := range n.Files {
		p.raw("  " + output.Clean(file))
	}
}
