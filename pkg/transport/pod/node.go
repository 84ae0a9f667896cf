package pod

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Node is a control-plane node with a helper pod on it.
type Node struct {
	cluster *Cluster
	target  Target
	opts    Options

	mu   sync.Mutex
	name string // of the helper pod, "" for none
	uid  types.UID
}

// Open makes the helper pod of a node and brings the program there. Close the node.
func (c *Cluster) Open(ctx context.Context, t Target, o Options) (*Node, error) {
	if t.Err != nil {
		return nil, t.Err
	}
	if err := fits(o.Program, t); err != nil {
		return nil, err
	}
	n := &Node{cluster: c, target: t, opts: o}
	if _, err := n.helper(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Name implements transport.Node.
func (n *Node) Name() string { return n.target.Name }

// helper returns the pod to run things in: the one that is there, or another where that
// has come to its end, or is not known to the API server any more.
func (n *Node) helper(ctx context.Context) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.name != "" {
		p, err := n.cluster.get(ctx, n.name, n.uid)
		if err == nil && isRunning(p) {
			return n.name, nil
		}
		if errors.Is(err, transport.ErrConnection) || ctx.Err() != nil {
			return "", fmt.Errorf("%s: %w", n.Name(), err)
		}
		_ = n.cluster.delete(n.name, n.uid) // if it is there at all, cleanup gets it
		n.name = ""
	}
	p, err := n.cluster.start(ctx, n.target, n.opts)
	if err != nil {
		return "", err
	}
	n.name, n.uid = p.Name, p.UID
	if err := n.cluster.install(ctx, n.name, n.opts.Program); err != nil {
		return "", fmt.Errorf("%s: bring the program there: %w", n.Name(), err)
	}
	return n.name, nil
}

// patience is how long the program has to end by itself once nobody waits for it.
const patience = 5 * time.Second

// Run implements transport.Node.
func (n *Node) Run(ctx context.Context, c transport.Command) error {
	pod, err := n.helper(ctx)
	if err != nil {
		return err
	}
	in := transport.NewInput(c)
	defer in.Close()
	out := transport.NewOutcome(n.Name(), c.Stderr)
	stream, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	defer context.AfterFunc(ctx, func() {
		_ = in.Close() // the agent gives up
		time.AfterFunc(patience, cut)
	})()
	s := streams{in, c.Stdout, out}
	if s.out == nil {
		s.out = io.Discard
	}
	code, err := n.cluster.exec(stream, pod, []string{n.opts.Program.Path(), transport.AgentVerb}, s)
	switch {
	case err == nil && code == 0:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%s: %w", n.Name(), err)
	}
	return out.Err(code)
}

// Leave implements transport.Node: with a static pod, which needs no API server. The verb
// there puts it in place and waits until it runs.
func (n *Node) Leave(ctx context.Context, j transport.Job) error {
	text, err := json.Marshal(manifest(n.target, n.opts, j))
	if err != nil {
		return err
	}
	return n.Run(ctx, transport.Command{Args: []string{"node", "agent-pod", "leave", "--name", j.Name}, Stdin: bytes.NewReader(text)})
}

// Close implements transport.Node: the helper pod is deleted, whatever became of the
// caller's context.
func (n *Node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.name == "" {
		return nil
	}
	if err := n.cluster.delete(n.name, n.uid); err != nil {
		return fmt.Errorf("%s: helper pod %s: %w", n.Name(), n.name, err)
	}
	n.name = ""
	return nil
}
