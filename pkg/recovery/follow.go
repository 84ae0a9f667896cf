package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// news is what was heard of a node: a record, the end of what it told, why there is no run
// and none will come, or that nothing is heard any more.
type news struct {
	node   string
	record *journal.Record
	end    *NodeRun
	absent string
	lost   error
}

// line is a line of node follow.
type line struct {
	Record *journal.Record `json:"record"`
	State  *NodeRun        `json:"state"`
	Absent string          `json:"absent"`
}

const (
	// reconnect is how long to wait before a node is called again.
	reconnect = time.Second
	// appear is how long a run is given to begin: it reads the snapshot first.
	appear = 10 * time.Minute
)

// follow tells of a run on a node until it is finished, however often the connection
// breaks: the journal on the node has all that was missed. job is what was left there to
// make the run, "" if that is not known: with it, a run that never comes is not waited for.
func follow(ctx context.Context, name string, n transport.Node, run, job string, tell chan<- news) {
	args := []string{"node", "follow", run, "--appear-timeout", appear.String()}
	if job != "" {
		args = append(args, "--job", job)
	}
	for ctx.Err() == nil {
		f := &follower{ctx: ctx, name: name, tell: tell}
		err := n.Run(ctx, transport.Command{
			Args:   args,
			Stdout: f,
		})
		if f.finished {
			return
		}
		if err == nil && f.ended {
			err = nil // it stands still: somebody may go on with it
		} else if err == nil {
			err = errSilent
		}
		if err != nil && ctx.Err() == nil {
			f.send(news{node: name, lost: err})
		}
		pause(ctx, reconnect)
	}
}

var errSilent = errors.New("it ended without a word")

// follower reads the lines of node follow.
type follower struct {
	ctx      context.Context //nolint:containedctx // of one call
	name     string
	tell     chan<- news
	rest     []byte
	ended    bool
	finished bool
}

func (f *follower) Write(p []byte) (int, error) {
	n := len(p)
	for {
		before, after, whole := bytes.Cut(p, []byte("\n"))
		if len(f.rest)+len(before) > maxAnswer {
			return 0, errors.New("line without an end")
		}
		f.rest = append(f.rest, before...)
		if !whole {
			return n, nil
		}
		f.take(f.rest)
		f.rest, p = nil, after
	}
}

func (f *follower) take(text []byte) {
	var l line
	if json.Unmarshal(text, &l) != nil {
		return // of a later version, or torn
	}
	switch {
	case l.Record != nil:
		f.send(news{node: f.name, record: l.Record})
	case l.State != nil:
		f.ended, f.finished = true, l.State.Finished()
		f.send(news{node: f.name, end: l.State})
	case l.Absent != "":
		f.ended, f.finished = true, true
		f.send(news{node: f.name, absent: l.Absent})
	}
}

func (f *follower) send(n news) {
	select {
	case f.tell <- n:
	case <-f.ctx.Done():
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
