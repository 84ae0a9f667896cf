package etcdrestore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
)

// watchInterval is the time between two looks, once one is over.
const watchInterval = 2 * time.Second

// watch looks again and again. Ctrl-C is how it ends, which is no failure.
func (o *StatusOptions) watch(ctx context.Context) error {
	show := o.printNext
	if o.Format == Text && iostreams.Redraws(o.streams.Out) {
		b := &block{w: o.streams.Out}
		_ = b.draw("", []string{"Looking at the control plane ..."}) // which takes a while
		show = func(s clusterStatus) error {
			return b.draw("", strings.Split(strings.TrimSuffix(s.words(), "\n"), "\n"))
		}
		defer iostreams.DropEcho(o.streams.Out)
	}
	c := connection{options: o}
	defer c.close()
	for {
		err := o.watchOnce(ctx, &c, show)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(watchInterval):
		}
	}
}

// printNext is for what is no terminal: one below the other.
func (o *StatusOptions) printNext(s clusterStatus) error {
	if o.Format == Text {
		fmt.Fprintf(o.streams.Out, "--- %s\n", s.Time.Format(time.RFC3339))
	}
	return o.print(o.streams.Out, s)
}

func (o *StatusOptions) watchOnce(ctx context.Context, c *connection, show func(clusterStatus) error) error {
	nodes, err := c.open(ctx)
	if err != nil {
		return err
	}
	status, err := o.look(ctx, nodes)
	if err != nil {
		return err
	}
	c.broken = slices.ContainsFunc(status.Nodes, func(n topology.Node) bool { return n.State == topology.Unreached })
	return show(status)
}

// connection stays open from one look to the next. Nodes that could not be reached are
// tried again, with helper pods not each time.
type connection struct {
	options *StatusOptions
	nodes   *Nodes
	opened  time.Time
	broken  bool
}

// podsInterval is the time between two tries with helper pods.
const podsInterval = 30 * time.Second

func (c *connection) open(ctx context.Context) (*Nodes, error) {
	if c.nodes != nil {
		again := c.broken || len(c.nodes.Failed) > 0 || c.nodes.Why != nil
		if !again || len(c.options.SSH) == 0 && time.Since(c.opened) < podsInterval {
			return c.nodes, nil
		}
		c.close()
	}
	nodes, err := c.options.reach(ctx)
	if err != nil {
		return nil, err
	}
	c.nodes, c.opened = nodes, time.Now()
	return nodes, nil
}

func (c *connection) close() {
	if c.nodes != nil {
		_ = c.nodes.Close() // what it needed on a node has a deadline of its own
	}
	c.nodes = nil
}
