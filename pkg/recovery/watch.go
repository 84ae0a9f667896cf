package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// maxAgain is how often a node is made to go on whose process has ended.
const maxAgain = 3

// watch listens until all nodes have ended, and says how. They do not need it.
func (d *driver) watch(ctx context.Context) (*Result, error) {
	d.Progress.Phase("restore")
	watching, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	err := d.until(watching, func() (bool, error) {
		d.mind(watching)
		return d.ended(), nil
	})
	switch {
	case err == nil:
		return d.judge(nil)
	case ctx.Err() != nil:
		return d.result(), fmt.Errorf("%w: %w", d.left(), ctx.Err())
	}
	return d.judge(fmt.Errorf("not finished within %s", d.Timeout))
}

// left says that the nodes go on, and how to get back to them.
func (d *driver) left() error {
	return hint.New(ErrLeft, "watch them again, from anywhere: %s; or take it back: %s", d.Command("resume "+d.run), d.Command("rollback "+d.run))
}

// mind does what can be done for the nodes from here.
func (d *driver) mind(ctx context.Context) {
	d.fireReached(ctx)
	if !d.told && d.oneIsBack() {
		// The nodes tell each other; but one that waits need not wait for that.
		d.told = true
		for _, name := range d.names {
			if s := d.board[name]; !s.Done() && !s.GoingBack {
				go func() {
					ctx, cancel := context.WithTimeout(ctx, patience)
					defer cancel()
					_ = d.tell(ctx, name, wordAbort)
				}()
			}
		}
	}
	for _, name := range d.names {
		s := d.board[name]
		if s.Still && !d.needsPerson(name) {
			d.again[name]++
			s.Still = false // until it is heard again
			go func() { _ = d.leave(ctx, name) }()
		}
	}
}

// oneIsBack reports whether a node goes back while none is committed.
func (d *driver) oneIsBack() bool {
	back := false
	for _, s := range d.board {
		if s.Committed {
			return false
		}
		back = back || s.GoingBack || s.Outcome == string(journal.RolledBack)
	}
	return back
}

// needsPerson reports whether a node stands still in such a way that to begin again would
// be of no use.
func (d *driver) needsPerson(name string) bool {
	return d.board[name].Event == string(journal.Failed) || d.again[name] >= maxAgain
}

// ended reports whether nothing more is to be waited for.
func (d *driver) ended() bool {
	for _, name := range d.names {
		s := d.board[name]
		switch {
		case s.Done(), s.Still && d.needsPerson(name):
		case s.Lost != "" && time.Since(s.LostSince) > d.Straggle && time.Since(d.heard) > d.Straggle && d.othersEnded(name):
		default:
			return false
		}
	}
	return true
}

// othersEnded reports whether of the other nodes all have ended that are heard of, and
// there are any: where nothing at all is heard the way to the nodes may be gone for as
// long as they have no API server.
func (d *driver) othersEnded(name string) bool {
	ended := false
	for _, other := range d.names {
		s := d.board[other]
		switch {
		case other == name, s.Lost != "" && !s.Done():
		case !s.Done():
			return false
		default:
			ended = true
		}
	}
	return ended
}

// Phases are those of a node, in their order.
func Phases() []string {
	return []string{"stage", "stop", "cutover", "start", "verify", "post-restore"}
}

// fireReached runs the hooks of the phases that all nodes are through. The nodes do not
// wait for them.
func (d *driver) fireReached(ctx context.Context) {
	through := len(Phases())
	for _, s := range d.board {
		switch {
		case s.GoingBack, s.Outcome != "" && s.Outcome != string(journal.Complete):
			return // nothing is reached any more
		case s.Outcome == "":
			through = min(through, max(0, slices.Index(Phases(), s.Phase)))
		}
	}
	for i, phase := range Phases()[:through] {
		for _, when := range []string{"after-" + phase, "before-" + next(i)} {
			if err := d.fire(ctx, when); err != nil {
				d.Progress.Warn(err)
			}
		}
	}
}

func next(i int) string {
	if i+1 < len(Phases()) {
		return Phases()[i+1]
	}
	return "" // no hook is called so
}

// Result is what became of a restore.
type Result struct {
	Run     string    `json:"run"`
	Nodes   []Status  `json:"nodes"`
	Stopped time.Time `json:"stopped,omitzero"` // the first control plane
	Ready   time.Time `json:"ready,omitzero"`   // the first API server, again
}

func (d *driver) result() *Result {
	r := &Result{Run: d.run, Nodes: []Status{}}
	for _, name := range d.names {
		s := d.board[name]
		r.Nodes = append(r.Nodes, *s)
		if !s.Stopped.IsZero() && (r.Stopped.IsZero() || s.Stopped.Before(r.Stopped)) {
			r.Stopped = s.Stopped
		}
		if s.Ready.After(s.Stopped) && (r.Ready.IsZero() || s.Ready.Before(r.Ready)) {
			r.Ready = s.Ready
		}
	}
	return r
}

// judge says how it ended: well, taken back on all nodes, or neither.
func (d *driver) judge(cause error) (*Result, error) {
	r := d.result()
	ended := map[string]int{}
	for _, s := range r.Nodes {
		ended[s.Outcome]++
	}
	why := d.why(cause)
	switch len(r.Nodes) {
	case ended[string(journal.Complete)]:
		return r, nil
	case ended[string(journal.RolledBack)]:
		if r.Stopped.IsZero() {
			return r, hint.New(fmt.Errorf("%w: %w", ErrNothingStopped, why), "mend the cause and run it again")
		}
		return r, hint.New(fmt.Errorf("%w on all nodes: %w", workflow.ErrRolledBack, why), "the old cluster serves as before: mend the cause and run it again")
	}
	return r, hint.New(fmt.Errorf("%w: run %s: %s: %w", workflow.ErrStuck, d.run, r.words(), why), "%s", d.nextStep(r))
}

// why is what went wrong first, as far as the nodes tell: not that they heard of others.
func (d *driver) why(cause error) error {
	if cause != nil {
		return cause
	}
	last := errors.New("the nodes do not say why")
	for _, name := range d.names {
		s := d.board[name]
		if s.Error == "" {
			continue
		}
		last = fmt.Errorf("%s: %s", name, s.Error)
		if !strings.Contains(s.Error, "given up by another node") && !strings.Contains(s.Error, "told to give the restore up") {
			return last
		}
	}
	return last
}

// words are one for each node.
func (r *Result) words() string {
	var words []string
	for _, s := range r.Nodes {
		word := cmpOr(s.Outcome, "unfinished at "+s.Phase+"/"+s.Step)
		if s.Lost != "" && s.Outcome == "" {
			word += ", and not heard of"
		}
		words = append(words, s.Node+" is "+word)
	}
	return strings.Join(words, ", ")
}

// nextStep is the command that mends a restore of which the nodes have ended differently.
func (d *driver) nextStep(r *Result) string {
	committed := slices.ContainsFunc(r.Nodes, func(s Status) bool { return s.Committed || s.Outcome == string(journal.Complete) })
	var steps []string
	unfinished := false
	for _, s := range r.Nodes {
		switch {
		case committed && s.Outcome == string(journal.RolledBack):
			steps = append(steps, fmt.Sprintf("%s went back, and must not serve its old data: %s", s.Node, d.Command("rejoin "+s.Node)))
		case s.Outcome == "":
			unfinished = true
		}
	}
	if unfinished {
		steps = append([]string{"go on: " + d.Command("resume "+d.run)}, steps...)
		if !committed {
			steps = append(steps, "or back: "+d.Command("rollback "+d.run))
		}
	}
	return strings.Join(steps, "; ")
}
