package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Options say how a plan is carried out.
type Options struct {
	Snapshot string   // the file here; "" is the path in the plan
	Ignore   []string // preflight checks whose errors become warnings

	Grace      time.Duration // for a container to end by itself
	Serve      time.Duration // for etcd, and for an API server, to serve
	Meet       time.Duration // for the nodes to wait for each other
	Hold       time.Duration // for a node that has staged to wait for the word
	NoRollback bool          // leave a node that fails where it stands

	Reach    time.Duration // for a node that is not heard of, before the word is given
	Timeout  time.Duration // to watch the nodes, once the word is given
	Straggle time.Duration // for a node that is not heard of, once all others have ended

	Progress Progress
	Hooks    Hooks
	// Command is the command line of a verb of ours, as it has to be typed where this
	// runs: resume RUN.
	Command func(words string) string
}

// Progress is told how far the nodes are. Its methods are called one at a time, but
// Sent, which may be called at any time.
type Progress interface {
	transport.Progress
	Phase(name string) // of the whole: upload, stage, go, ...
	Node(Status)       // whenever one gets further
	Warn(err error)    // of what does not stop anything
}

// Hooks are commands of somebody's own. When is before-PHASE or after-PHASE.
type Hooks interface {
	Fire(ctx context.Context, when string) error
}

// driver is a workstation at work on a run.
type driver struct {
	Options
	run   string // ID of the decision
	names []string
	nodes Nodes

	jobs  map[string]transport.Job // that go on with the run
	board map[string]*Status
	news  chan news
	begun bool      // something was left behind
	heard time.Time // when a node told anything last
	fired map[string]bool
	told  bool           // all nodes to go back, since one did
	again map[string]int // how often a node was made to go on
}

func newDriver(run string, nodes Nodes, names []string, o Options) *driver {
	d := &driver{
		Options: o, run: run, names: names, nodes: nodes, jobs: map[string]transport.Job{},
		board: map[string]*Status{}, news: make(chan news), fired: map[string]bool{}, again: map[string]int{},
	}
	for _, name := range names {
		d.board[name] = &Status{Node: name, Phase: "upload"}
	}
	return d
}

// Restore carries a plan out. The plan must have been asked for on the nodes. Until the
// word is given, whatever fails, and the end of ctx, takes all nodes back, and the error
// is an ErrNothingStopped. From then on the end of ctx only ends the watching (ErrLeft).
func Restore(ctx context.Context, p *Plan, nodes Nodes, o Options) (*Result, error) {
	if err := p.reaches(nodes); err != nil {
		return nil, err
	}
	d := newDriver(p.ID(), nodes, p.Names(), o)
	watching, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	if err := d.prepare(ctx, watching, p); err != nil {
		return d.giveUp(ctx, err)
	}
	if err := d.letGo(ctx); err != nil {
		return d.takeBack(ctx, err)
	}
	return d.watch(ctx)
}

// prepare does all that can be done while the cluster serves.
func (d *driver) prepare(ctx, watching context.Context, p *Plan) error {
	if err := d.fire(ctx, "before-stage"); err != nil {
		return err
	}
	if err := d.upload(ctx, p); err != nil {
		return err
	}
	d.Progress.Phase("stage")
	d.begun = true
	failed := each(d.names, func(name string) error { return d.leave(ctx, name) })
	d.follow(watching, func(name string) string {
		if failed[name] != nil {
			return "" // who knows
		}
		return d.jobs[name].Name
	})
	if len(failed) > 0 {
		for name, err := range failed {
			if errors.As(err, new(*transport.ExitError)) {
				d.hear(news{node: name, absent: err.Error()}) // it could not be started
			}
		}
		return errors.Join(inOrder(failed)...)
	}
	if err := d.until(ctx, d.staged); err != nil {
		return err
	}
	if err := d.fire(ctx, "after-stage"); err != nil {
		return err
	}
	return d.fire(ctx, "before-stop")
}

// leave leaves a node with what it has to do.
func (d *driver) leave(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return d.nodes[name].Leave(ctx, d.jobs[name])
}

// follow begins to listen to all nodes. job is what makes the run there, where it is known.
func (d *driver) follow(watching context.Context, job func(name string) string) {
	for _, name := range d.names {
		go follow(watching, name, d.nodes[name], d.run, job(name), d.news)
	}
}

// job is what is left behind on a node. To leave it there again goes on with the run.
func (d *driver) job(plan, snapshot string) transport.Job {
	args := []string{
		"node", "run", plan, "--snapshot", snapshot, "--yes", "--or-resume",
		"--hold", d.Hold.String(), "--progress=none",
	}
	args = append(args, d.workFlags()...)
	if d.NoRollback {
		args = append(args, "--no-rollback")
	}
	args = append(args, d.ignoreFlags()...)
	return transport.Job{Name: jobName(d.run), Args: args}
}

func (d *driver) ignoreFlags() []string {
	if len(d.Ignore) == 0 {
		return nil
	}
	return []string{"--ignore-preflight-errors=" + strings.Join(d.Ignore, ",")}
}

func (d *driver) workFlags() []string {
	var args []string
	for flag, value := range map[string]time.Duration{"--grace-period": d.Grace, "--timeout": d.Serve, "--meet-timeout": d.Meet, "--straggler-timeout": d.Straggle} {
		if value > 0 {
			args = append(args, flag+"="+value.String())
		}
	}
	slices.Sort(args)
	return args
}

// jobName is one for each run, so that none is left behind twice.
func jobName(run string) string { return "restore-" + strings.ToLower(run) }

// staged reports whether all nodes wait for the word.
func (d *driver) staged() (bool, error) {
	all := true
	for _, name := range d.names {
		s := d.board[name]
		switch {
		case s.Absent != "":
			return false, hint.New(fmt.Errorf("%s: %s", name, s.Absent), "see what the nodes are at: %s; then run it again", d.Command("status"))
		case s.Done(), s.GoingBack:
			return false, fmt.Errorf("%s has given up: %s", name, cmpOr(s.Error, "it does not say why"))
		case s.Still:
			return false, fmt.Errorf("%s has stopped at %s/%s: %s", name, s.Phase, s.Step, cmpOr(s.Error, "its process is gone"))
		case s.Lost != "" && time.Since(s.LostSince) > d.Reach:
			return false, fmt.Errorf("nothing is heard of %s: %s", name, s.Lost)
		}
		all = all && (s.Held || s.Gone)
	}
	return all, nil
}

// until listens until all is as it should be, or will not be any more.
func (d *driver) until(ctx context.Context, met func() (bool, error)) error {
	tick := time.NewTicker(reconnect)
	defer tick.Stop()
	for {
		if done, err := met(); done || err != nil {
			return err
		}
		select {
		case n := <-d.news:
			d.hear(n)
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hear takes in what came from a node.
func (d *driver) hear(n news) {
	s := d.board[n.node]
	if n.lost == nil {
		d.heard = time.Now()
	}
	switch {
	case n.record != nil:
		s.Lost, s.LostSince = "", time.Time{}
		s.take(*n.record)
	case n.end != nil:
		s.Lost, s.LostSince = "", time.Time{}
		s.end(n.end)
	case n.absent != "":
		s.Lost, s.LostSince = "", time.Time{}
		s.Absent = n.absent
	case n.lost != nil:
		if s.Lost == "" {
			s.LostSince = time.Now()
		}
		s.Lost = n.lost.Error()
	}
	d.Progress.Node(*s)
}

// fire runs a hook, once.
func (d *driver) fire(ctx context.Context, when string) error {
	if d.Hooks == nil || d.fired[when] {
		return nil
	}
	d.fired[when] = true
	return d.Hooks.Fire(ctx, when)
}

func cmpOr(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}
