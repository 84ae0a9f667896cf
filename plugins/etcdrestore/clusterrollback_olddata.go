package etcdrestore

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/salvage"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// toOldData restores what the nodes have left aside on top of what they serve now, with
// a revision above both: one decision for all of them, and a run of its own. The old
// members were all stopped, so that the one whose log reaches furthest has every write
// that was acknowledged, if a majority is here to be compared.
func (o *ClusterRollbackOptions) toOldData(ctx context.Context, run string) error {
	file, err := o.fetchOldData(ctx, run)
	if err != nil {
		return err
	}
	fmt.Fprintf(o.streams.ErrOut, "The old data are in %s now, as a snapshot.\n", file)
	r := newClusterRunOptions(o.streams, o.Options)
	r.ClusterOptions, r.ClusterWorkOptions = o.ClusterOptions, o.ClusterWorkOptions
	r.ExcludeNode, r.IgnorePreflight, r.Yes = o.ExcludeNode, o.IgnorePreflight, o.Yes
	r.Source, r.Mode, r.DryRun, r.Hold = file, string(noderestore.ModeManifest), dryRunNone, defaultHold
	if err := r.Validate(); err != nil {
		return err
	}
	return r.Run(ctx)
}

// lentOldData is what a node has made of its old data.
type lentOldData struct {
	node transport.Node
	name string // of the file, for drop
	savedReport
}

// fetchOldData lets each node make a snapshot of its old data, and fetches the one that
// reaches furthest.
func (o *ClusterRollbackOptions) fetchOldData(ctx context.Context, run string) (string, error) {
	nodes, err := o.connect(ctx)
	if err != nil {
		return "", err
	}
	defer nodes.Close()
	found, ways, err := recovery.Find(ctx, nodes.All, run)
	if err != nil {
		return "", err
	}
	if !found.Finished() {
		return "", output.WithHint(fmt.Errorf("%w: run %s is not finished on all nodes", noderestore.ErrNotCommitted, found.Run), "finish it first: %s", o.command("resume "+found.Run))
	}
	lent, err := o.lendOldData(ctx, found, ways)
	defer o.dropOldData(ctx, lent)
	if err != nil {
		return "", err
	}
	best := slices.MaxFunc(lent, func(a, b *lentOldData) int {
		return cmp.Or(cmp.Compare(a.Salvage.Term, b.Salvage.Term), cmp.Compare(a.Salvage.Index, b.Salvage.Index))
	})
	if quorum := best.Salvage.Voters/2 + 1; len(lent) < quorum {
		return "", output.WithHint(fmt.Errorf("%w: the old data of %d members are here, and %d are needed to know that nothing is missing", salvage.ErrNoMajority, len(lent), quorum),
			"bring the other nodes back; or take what one has, on it: %s node save --from data-dir", o.Program)
	}
	return o.fetchBest(ctx, found.Run, best)
}

func (o *ClusterRollbackOptions) lendOldData(ctx context.Context, found *recovery.Found, ways recovery.Nodes) (lent []*lentOldData, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	var errs []error
	for name, r := range found.Nodes {
		if !r.Committed {
			continue // it went back to them
		}
		all.Go(func() {
			l := &lentOldData{node: ways[name], name: strings.ToLower(rand.Text())}
			err := askJSON(ctx, l.node, []string{"node", "save", "--old-data-of", r.Name, "--lend", l.name, "--tail", string(salvage.TailInclude), "-o", "json", "--progress", "none"}, &l.savedReport)
			if err == nil && (l.File == nil || l.Salvage == nil) {
				err = fmt.Errorf("%s: it is not clear what it saved: %w", name, transport.ErrProgram)
			}
			mu.Lock()
			defer mu.Unlock()
			lent, errs = append(lent, l), append(errs, err)
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return lent, err
	}
	if len(lent) == 0 {
		return nil, output.WithHint(fmt.Errorf("%w: run %s", noderestore.ErrNotCommitted, found.Run), "the old data serve")
	}
	return lent, nil
}

// dropOldData removes the snapshots from the nodes, after Ctrl-C as well.
func (o *ClusterRollbackOptions) dropOldData(ctx context.Context, lent []*lentOldData) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropPatience)
	defer cancel()
	for _, l := range lent {
		if err := l.node.Run(ctx, transport.Command{Args: []string{"node", "drop", l.name}}); err != nil {
			fmt.Fprintf(o.streams.ErrOut, "warning: a snapshot may be left on %s: %s\n", l.node.Name(), output.Clean(err.Error()))
		}
	}
}

// fetchBest brings a snapshot here.
func (o *ClusterRollbackOptions) fetchBest(ctx context.Context, run string, best *lentOldData) (string, error) {
	name := fmt.Sprintf("old-data-%s-%s.db", run, time.Now().UTC().Format("20060102T150405Z"))
	file, err := newfile.Create(name)
	if err != nil {
		return "", err
	}
	defer file.Discard()
	if err := file.Begin(best.File.Size); err != nil {
		return "", err
	}
	reporter := o.Reporter(o.streams)
	defer reporter.Finish()
	reporter.Start("fetch from "+best.node.Name(), best.File.Size)
	if err := transport.Fetch(ctx, best.node, best.File.Path, best.File.Size, best.File.SHA256, file.OS(), &arriving{Reporter: reporter}); err != nil {
		return "", file.Explain(err)
	}
	reporter.Finish()
	if err := file.Sync(); err != nil {
		return "", err
	}
	if err := file.Publish(false); err != nil {
		return "", err
	}
	if _, err := os.Stat(name); err != nil {
		return "", err
	}
	return name, nil
}
