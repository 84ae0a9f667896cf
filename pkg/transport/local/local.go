// Package local runs this program on the machine that it runs on: a control-plane node.
package local

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Node is this machine.
type Node struct {
	name    string
	program string
}

// New names the machine and the program on it.
func New(name, program string) *Node { return &Node{name, program} }

// Name implements transport.Node.
func (n *Node) Name() string { return n.name }

// patience is how long the program has to end by itself once nobody waits for it.
const patience = 5 * time.Second

// Run implements transport.Node.
func (n *Node) Run(ctx context.Context, c transport.Command) error {
	in := transport.NewInput(c)
	defer in.Close()
	out := transport.NewOutcome(n.name, c.Stderr)
	cmd := exec.CommandContext(ctx, n.program, transport.AgentVerb)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("%s: %w: %w", n.name, transport.ErrProgram, err)
	}
	cmd.Stdout, cmd.Stderr = c.Stdout, out
	cmd.Cancel = stdin.Close // the agent gives up
	cmd.WaitDelay = patience
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // Ctrl-C is for us, who tell it
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w: %w", n.name, transport.ErrProgram, err)
	}
	go transport.Feed(stdin, in)
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit) && exit.Exited():
		return out.Err(exit.ExitCode())
	}
	return fmt.Errorf("%s: %w: %w", n.name, transport.ErrConnection, err)
}

// Leave implements transport.Node.
func (n *Node) Leave(ctx context.Context, j transport.Job) error {
	return transport.Detach(ctx, n, j)
}

// Close implements transport.Node.
func (n *Node) Close() error { return nil }
