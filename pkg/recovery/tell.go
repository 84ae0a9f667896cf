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

const (
	wordGo    = "go"
	wordAbort = "abort"

	// codeUsage is how a verb ends on a node that does not know the run: it may not have
	// begun yet.
	codeUsage = 2
	// codeRefused is how a verb ends on a node that refuses.
	codeRefused = 6

	// goPatience is how long all nodes may take to hear the word. Those that have heard
	// it wait for the others with everything stopped.
	goPatience = 30 * time.Second
	// backPatience is how long nodes may take to go back, old control plane and all.
	backPatience = 10 * time.Minute
)

// tell says a word to the run on a node, again while the node cannot be reached or the
// run has not begun, until ctx ends.
func (d *driver) tell(ctx context.Context, name, word string) error {
	for {
		var told struct{}
		err := ask(ctx, d.nodes[name], patience/2, nil, &told, "node", "tell", word, d.run)
		var exit *transport.ExitError
		if err == nil || errors.As(err, &exit) && exit.Code != codeUsage {
			return err
		}
		pause(ctx, reconnect)
		if ctx.Err() != nil {
			return err
		}
	}
}

// tellAll says a word to nodes at the same time, and listens meanwhile. To one of which it
// hears that there is no run it says it no more.
func (d *driver) tellAll(ctx context.Context, names []string, word string) map[string]error {
	answers := make(chan map[string]error, 1)
	limits, stop := map[string]context.Context{}, map[string]context.CancelFunc{}
	for _, name := range names {
		limits[name], stop[name] = context.WithCancel(ctx)
		defer stop[name]()
	}
	go func() { answers <- each(names, func(name string) error { return d.tell(limits[name], name, word) }) }()
	var failed map[string]error
	// It ends with the answers, which end with ctx.
	_ = d.until(context.WithoutCancel(ctx), func() (bool, error) {
		for _, name := range names {
			if d.board[name].Absent != "" {
				stop[name]()
			}
		}
		select {
		case failed = <-answers:
			return true, nil
		default:
			return false, nil
		}
	})
	return failed
}

// letGo says to all nodes that they may go on. From the first that hears it on there is
// no way to stop but to go back.
func (d *driver) letGo(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	d.Progress.Phase("go")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), goPatience)
	defer cancel()
	failed := d.tellAll(ctx, d.names, wordGo)
	for name := range failed {
		if d.board[name].Gone { // it has heard, and only its answer was lost
			delete(failed, name)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("not all nodes could be told to go on: %w", errors.Join(inOrder(failed)...))
	}
	return nil
}

// giveUp takes a restore back that has stopped nothing yet.
func (d *driver) giveUp(ctx context.Context, cause error) (*Result, error) {
	left := d.abort(ctx, 2*patience)
	err := fmt.Errorf("%w: %w", ErrNothingStopped, cause)
	switch {
	case len(left) > 0:
		err = hint.New(err, "%s could not be told so: what may have begun there waits for the word, at most %s, and gives up by itself; mend the cause, then run it again", strings.Join(left, " and "), d.Hold)
	case hintOf(cause) == "" && ctx.Err() == nil:
		err = hint.New(err, "mend the cause and run it again")
	}
	return d.result(), err
}

// takeBack takes a restore back of which some nodes may have stopped.
func (d *driver) takeBack(ctx context.Context, cause error) (*Result, error) {
	if left := d.abort(ctx, backPatience); len(left) == len(d.names) && ctx.Err() != nil {
		return d.result(), errors.Join(d.left(), cause)
	}
	return d.judge(cause)
}

// abort tells all nodes to go back and waits until they have, for so long. It returns
// those of which that is not known.
func (d *driver) abort(ctx context.Context, limit time.Duration) (left []string) {
	if !d.begun {
		return nil
	}
	d.turnBack()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	failed := d.tellAll(ctx, d.names, wordAbort)
	_ = d.until(ctx, func() (bool, error) {
		d.mind(ctx)
		return !slices.ContainsFunc(d.names, func(name string) bool { return failed[name] == nil && !d.board[name].Done() }), nil
	})
	for _, name := range d.names {
		if !d.board[name].Done() {
			left = append(left, name)
		}
	}
	return left
}

// turnBack lets all that is left behind on a node from here on go back.
func (d *driver) turnBack() {
	d.Progress.Phase("back")
	d.told = true
	for _, name := range d.names {
		d.jobs[name] = transport.Job{
			Name: jobName(d.run) + "-back",
			Args: append([]string{"node", "rollback", d.run, "--progress=none"}, d.workFlags()...),
		}
	}
}
