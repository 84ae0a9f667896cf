package etcdrestore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
)

// watchInterval is the time between two looks, once one is over.
const watchInterval = 2 * time.Second

// home moves the cursor to the beginning of a terminal and clears what is below it; a
// screen that is cleared first flickers.
const (
	home      = "\x1b[H"
	clearLine = "\x1b[K"
	clearRest = "\x1b[J"
)

// watch looks again and again. Ctrl-C is how it ends, which is no failure.
func (o *StatusOptions) watch(ctx context.Context) error {
	terminal := iostreams.IsTerminal(o.streams.Out) && o.Format == Text
	if terminal {
		fmt.Fprint(o.streams.Out, home, clearRest)
	}
	c := connection{options: o}
	defer c.close()
	for {
		err := o.watchOnce(ctx, &c, terminal)
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

func (o *StatusOptions) watchOnce(ctx context.Context, c *connection, terminal bool) error {
	nodes, err := c.open(ctx)
	if err != nil {
		return err
	}
	status, err := o.look(ctx, nodes)
	if err != nil {
		return err
	}
	c.broken = slices.ContainsFunc(status.Nodes, func(n topology.Node) bool { return n.State == topology.Unreached })
	if terminal {
		return redraw(o.streams.Out, status.words())
	}
	if o.Format == Text {
		fmt.Fprintf(o.streams.Out, "--- %s\n", status.Time.Format(time.RFC3339))
	}
	return o.print(o.streams.Out, status)
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

// redraw writes a page over the one before.
func redraw(w io.Writer, text string) error {
	var b bytes.Buffer
	b.WriteString(home)
	b.WriteString(string(bytes.ReplaceAll([]byte(text), []byte("\n"), []byte(clearLine+"\n"))))
	b.WriteString(clearRest)
	_, err := w.Write(b.Bytes())
	return err
}
