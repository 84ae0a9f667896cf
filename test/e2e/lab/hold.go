package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Hold stands for a program that somebody starts on a node by ssh, and that is held when
// its journal has come to a line.
type Hold struct {
	node  *Node
	line  string
	stdin io.Closer
	held  chan struct{} // closed when it is
	ended chan struct{} // closed when nothing that came by ssh is left
}

// HoldSSH holds the first program that comes by ssh from now on, also one that was left
// behind, at a line as RunUntil has it. Only one at a time on a node; Release ends it.
func (n *Node) HoldSSH(t etcdtest.T, line string) *Hold {
	t.Helper()
	n.endSSH(t)
	// What is left behind outlives a subtest: this ends with the node.
	cmd := n.command(context.WithoutCancel(t.Context()), Stopat, "-hold", line, "/usr/sbin/sshd", "-D")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v", err)
	}
	h := &Hold{n, line, stdin, make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(h.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if lines.Text() == "stopat: held" {
				close(h.held)
			}
		}
		_ = cmd.Wait() // it ends with the node at the latest
	}()
	n.awaitSSH(t)
	return h
}

// Wait waits until the program is held.
func (h *Hold) Wait(t etcdtest.T) {
	t.Helper()
	select {
	case <-h.held:
	case <-h.ended:
		t.Fatalf("%s: nothing was held at %s", h.node.Name, h.line)
	case <-time.After(limit):
		t.Fatalf("%s: nothing was held at %s in %v", h.node.Name, h.line, limit)
	case <-t.Context().Done():
		t.Fatalf("%s: nothing was held at %s: %v", h.node.Name, h.line, t.Context().Err())
	}
}

// Release lets it go on. What comes by ssh later is not held.
func (h *Hold) Release(t etcdtest.T) {
	t.Helper()
	h.stdin.Close()
	h.node.endSSH(t)
	h.node.Shell(t, "setsid /usr/sbin/sshd -D >>/var/log/sshd.log 2>&1 </dev/null &")
	h.node.awaitSSH(t)
}

// endSSH ends the server. Those who have come stay.
func (n *Node) endSSH(t etcdtest.T) {
	t.Helper()
	n.Shell(t, `pkill -f "$1" || true; for i in {1..600}; do pgrep -f "$1" >/dev/null || exit 0; sleep 0.1; done; exit 1`, `^(sshd: )?/usr/sbin/sshd -D`)
}

func (n *Node) awaitSSH(t etcdtest.T) {
	t.Helper()
	address := n.Address(t)
	err := Eventually(t.Context(), time.Minute, func(ctx context.Context) error {
		r, err := n.Try(ctx, "bash", "-c", "exec 3<>/dev/tcp/"+address+"/22")
		if err == nil && r.Code != 0 {
			err = errors.New(strings.TrimSpace(r.Stderr))
		}
		return err
	})
	if err != nil {
		t.Fatalf("%v", fmt.Errorf("sshd of %s: %w", n.Name, err))
	}
}
