package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// Found is a run of a control plane, as its nodes tell of it.
type Found struct {
	Run   string             // ID of the decision
	Nodes map[string]NodeRun // those that know of it, by the names of their members
	// Members are all that the decision is for, as far as is known.
	Members []string
}

// ErrWhich is returned when there is no run to go on with, or more than one.
var ErrWhich = errors.New("which run is not clear")

// runList is what node runs prints.
type runList struct {
	Items []struct {
		NodeRun
		Members []string `json:"members"`
	} `json:"items"`
}

// Find finds the run of an ID on the nodes, or "" for the one that is not finished. What
// cannot be asked is an error: to go on without a node that knows better would not do.
func Find(ctx context.Context, nodes []transport.Node, run string) (*Found, Nodes, error) {
	lists, errs := make([]runList, len(nodes)), make([]error, len(nodes))
	var asked sync.WaitGroup
	for i, n := range nodes { // of which two may have one name: ports of a tunnel
		asked.Go(func() { errs[i] = ask(ctx, n, patience, nil, &lists[i], "node", "runs") })
	}
	asked.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	all, ways := map[string]*Found{}, map[string]Nodes{}
	for i, list := range lists {
		for _, r := range list.Items {
			if r.State == "damaged" {
				return nil, nil, fmt.Errorf("%s: run %s: %w: %s", nodes[i].Name(), r.Name, journal.ErrCorrupt, r.Error)
			}
			if r.DecisionID == "" || r.Member == "" || run != "" && r.DecisionID != run && r.Name != run {
				continue
			}
			f := all[r.DecisionID]
			if f == nil {
				f = &Found{Run: r.DecisionID, Nodes: map[string]NodeRun{}}
				all[r.DecisionID], ways[r.DecisionID] = f, Nodes{}
			}
			if known, ok := f.Nodes[r.Member]; ok && (!known.Finished() || r.Finished()) {
				continue // an earlier run of the same: the list begins with the newest
			}
			f.Nodes[r.Member], ways[r.DecisionID][r.Member] = r.NodeRun, nodes[i]
			f.Members = r.Members
		}
	}
	id, err := which(all, run)
	if err != nil {
		return nil, nil, err
	}
	return all[id], ways[id], nil
}

// which is the run that is meant.
func which(all map[string]*Found, run string) (string, error) {
	var open []string
	for id, f := range all {
		if run != "" || !f.Finished() {
			open = append(open, id)
		}
	}
	slices.Sort(open)
	switch {
	case len(open) == 1:
		return open[0], nil
	case len(open) == 0 && run != "":
		return "", fmt.Errorf("%w: no node knows of %s", journal.ErrNoRun, run)
	case len(open) == 0:
		return "", fmt.Errorf("%w: all are finished on all nodes", journal.ErrNoRun)
	}
	return "", hint.New(fmt.Errorf("%w: %s are not finished", ErrWhich, strings.Join(open, " and ")), "name one of them")
}

// Finished reports whether nothing more will become of the run on any node.
func (f *Found) Finished() bool {
	for _, r := range f.Nodes {
		if !r.Finished() {
			return false
		}
	}
	return true
}

// any reports whether one of the nodes is so.
func (f *Found) any(so func(NodeRun) bool) bool {
	for _, r := range f.Nodes {
		if so(r) {
			return true
		}
	}
	return false
}

func isCommitted(r NodeRun) bool { return r.Committed || r.State == string(journal.Complete) }
func isBack(r NodeRun) bool      { return r.GoingBack || r.State == string(journal.RolledBack) }

// isGone reports whether a node has got the word to go on.
func isGone(r NodeRun) bool {
	return isCommitted(r) || !isBack(r) && !strings.HasPrefix(r.Step, "stage/") && r.Step != ""
}

// Names are those of the nodes that know of the run.
func (f *Found) Names() []string {
	var names []string
	for name := range f.Nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// missing are members that nothing is known of.
func (f *Found) missing() []string {
	var names []string
	for _, name := range f.Members {
		if _, ok := f.Nodes[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// Resume goes on with a run, on whichever nodes it stopped, and watches it to its end. One
// that no node was let go on with goes on if all are ready to, and is given up otherwise:
// nothing has been stopped then.
func Resume(ctx context.Context, f *Found, nodes Nodes, o Options) (*Result, error) {
	d := f.driver(nodes, o)
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	d.follow(watching, unknownJob)
	committed := f.any(isCommitted)
	switch {
	case f.Finished():
		if err := d.until(ctx, func() (bool, error) { return d.ended(), nil }); err != nil {
			return d.result(), err
		}
		return d.judge(nil)
	case !committed && f.any(isBack):
		return d.back(ctx, f, errors.New("a node has gone back"))
	case !f.any(isGone) && !f.allHeld():
		return d.back(ctx, f, fmt.Errorf("not all of %s had staged", strings.Join(f.Members, ", ")))
	}
	failed := each(f.Names(), func(name string) error {
		r := f.Nodes[name]
		if r.Finished() {
			return nil
		}
		if !isBack(r) {
			limited, cancel := context.WithTimeout(ctx, goPatience)
			defer cancel()
			if err := d.tell(limited, name, wordGo); err != nil {
				return err
			}
		}
		if r.Working {
			return nil
		}
		return d.leave(ctx, name)
	})
	if len(failed) > 0 {
		return d.judge(errors.Join(inOrder(failed)...))
	}
	return d.watch(ctx)
}

// allHeld reports whether every member is ready, and waits for the word.
func (f *Found) allHeld() bool {
	return len(f.missing()) == 0 && !f.any(func(r NodeRun) bool { return r.Step != stepGo || !r.Working })
}

// unknownJob is what makes a run that is there already.
func unknownJob(string) string { return "" }

func (f *Found) driver(nodes Nodes, o Options) *driver {
	d := newDriver(f.Run, nodes, f.Names(), o)
	d.begun = true
	for _, name := range d.names {
		d.jobs[name] = transport.Job{Name: jobName(f.Run), Args: append([]string{"node", "resume", f.Run, "--progress=none"}, d.workFlags()...)}
		d.board[name].Phase = "run"
	}
	return d
}

// Rollback takes a run back on all nodes, and watches until they are. Behind the commit
// point of any of them it is refused with workflow.ErrCommitted.
func Rollback(ctx context.Context, f *Found, nodes Nodes, o Options) (*Result, error) {
	if f.any(isCommitted) {
		next := "to restore the old data on top of that: " + o.Command("rollback "+f.Run+" --to-old-data")
		if !f.Finished() {
			next = "finish it: " + o.Command("resume "+f.Run) + "; then, " + next
		}
		return nil, hint.New(fmt.Errorf("%w: clients may have been served from the new data", workflow.ErrCommitted), "%s", next)
	}
	if f.Finished() {
		return nil, fmt.Errorf("%w: run %s is rolled back on all nodes", noderestore.ErrFinished, f.Run)
	}
	d := f.driver(nodes, o)
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	d.follow(watching, unknownJob)
	r, err := d.back(ctx, f, errAsked)
	if errors.Is(err, errAsked) && (errors.Is(err, workflow.ErrRolledBack) || errors.Is(err, ErrNothingStopped)) {
		err = nil // as it was wanted
	}
	return r, err
}

var errAsked = errors.New("it was asked for")

// back makes every node go back: those that work are told, on the others somebody is left
// to do it.
func (d *driver) back(ctx context.Context, f *Found, cause error) (*Result, error) {
	d.turnBack()
	failed := each(d.names, func(name string) error {
		r := f.Nodes[name]
		if r.Finished() {
			return nil
		}
		limited, cancel := context.WithTimeout(ctx, goPatience)
		defer cancel()
		if err := d.tell(limited, name, wordAbort); err != nil || r.Working {
			return err
		}
		return d.leave(ctx, name)
	})
	if len(failed) > 0 {
		return d.judge(errors.Join(append(inOrder(failed), cause)...))
	}
	watching, cancel := context.WithTimeout(ctx, backPatience)
	defer cancel()
	err := d.until(watching, func() (bool, error) {
		d.mind(watching)
		return d.ended(), nil
	})
	if err != nil && ctx.Err() != nil {
		return d.result(), fmt.Errorf("%w: %w", d.left(), err)
	}
	return d.judge(cause)
}
