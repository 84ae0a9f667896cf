package ssh

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// loginTimeout bounds a login. ConnectTimeout of ssh does not bound one through a jump
// host, nor a server that stops to answer in the middle of it.
const loginTimeout = 45 * time.Second

// master is an ssh whose connection others use, over a socket of our own: that of the
// user, if there is one, is left alone. It ends when its input does, so that it does not
// outlive this process, however that ends.
type master struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}
	err   error // once it has ended
}

const greeting = "etcd-restore is here"

// share returns the options with which an ssh uses the master, and starts that if there is
// none, or none any more. Where it does not work each ssh connects by itself.
func (n *Node) share(ctx context.Context) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	none := []string{"-o", "ControlMaster=no", "-o", "ControlPath=none"}
	if n.plain {
		return none, nil
	}
	socket := filepath.Join(n.dir, "s")
	use := []string{"-o", "ControlMaster=no", "-o", "ControlPath=" + strings.ReplaceAll(socket, "%", "%%")}
	if n.master != nil && n.master.runs() {
		return use, nil
	}
	stderr := &tail{}
	m, err := n.startMaster(ctx, socket, stderr)
	switch {
	case err == nil:
		n.master = m
		return use, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case known(stderr.String()):
		return nil, n.explain(ctx, err, stderr, func(code int) error { return n.unexpected(code, stderr.String()) })
	}
	n.plain = true
	return none, nil
}

func (n *Node) startMaster(ctx context.Context, socket string, stderr io.Writer) (*master, error) {
	cmd := n.command(context.WithoutCancel(ctx), "sh -c 'echo "+greeting+"; exec cat'",
		"-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o", "ControlPath="+strings.ReplaceAll(socket, "%", "%%"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	m := &master{cmd: cmd, stdin: stdin, ended: make(chan struct{})}
	there := make(chan struct{})
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); { // a login shell may have something to say, too
			if strings.HasSuffix(lines.Text(), greeting) {
				close(there)
				break
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
		m.err = cmd.Wait()
		close(m.ended)
	}()
	late := time.NewTimer(loginTimeout)
	defer late.Stop()
	select {
	case <-there:
		return m, nil
	case <-m.ended:
		return nil, m.err
	case <-late.C:
		err = fmt.Errorf("%w: no login within %s", transport.ErrConnection, loginTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	m.end()
	return nil, err
}

func (m *master) runs() bool {
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// end waits until it has ended, so that nothing is left of it.
func (m *master) end() {
	_ = m.stdin.Close()
	select {
	case <-m.ended:
		return
	case <-time.After(patience / 5):
	}
	_ = m.cmd.Process.Kill()
	<-m.ended
}
