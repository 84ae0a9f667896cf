package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Node is a control-plane node.
type Node struct {
	Name   string
	lab    *Lab
	number int
	isCut  bool // off from other nodes
}

// Result is how a command on a node ended.
type Result struct {
	Stdout, Stderr string
	Code           int // 128+n if signal n ended it
	Took           time.Duration
}

// limit bounds a command that nobody gave a limit of its own.
const limit = 5 * time.Minute

// Address is the node's own.
func (n *Node) Address(t etcdtest.T) string {
	t.Helper()
	return fmt.Sprintf("10.89.%s.1%d", n.lab.number(t), n.number)
}

// Run runs a command on the node as root, and ends the test only if it cannot be run.
func (n *Node) Run(t etcdtest.T, args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	r, err := n.Try(ctx, args...)
	if err != nil {
		t.Fatalf("%s on %s: %v\n%s%s", strings.Join(args, " "), n.Name, err, r.Stdout, r.Stderr)
	}
	return r
}

// Must runs a command on the node that has to succeed, and returns its output.
func (n *Node) Must(t etcdtest.T, args ...string) string {
	t.Helper()
	r := n.Run(t, args...)
	if r.Code != 0 {
		t.Fatalf("%s on %s ended with %d\n%s%s", strings.Join(args, " "), n.Name, r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Shell runs a script on the node that has to succeed.
func (n *Node) Shell(t etcdtest.T, script string, args ...string) string {
	t.Helper()
	return n.Must(t, append([]string{"bash", "-euc", script, "bash"}, args...)...)
}

// Try runs a command on the node. An error means that it did not come to an end.
func (n *Node) Try(ctx context.Context, args ...string) (Result, error) {
	var stdout, stderr bytes.Buffer
	cmd := n.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	began := time.Now()
	err := cmd.Run()
	r := Result{stdout.String(), stderr.String(), code(cmd.ProcessState), time.Since(began)}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return r, context.Cause(ctx)
	case errors.As(err, &exit):
		return r, nil
	}
	return r, err
}

// command is in a process group of its own, which is killed with it.
func (n *Node) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, n.lab.script, append([]string{"exec", n.Name}, args...)...)
	cmd.Env = n.lab.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func code(s *os.ProcessState) int {
	if s == nil {
		return -1
	}
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

// install puts programs on the node's PATH.
func (n *Node) install(t etcdtest.T, programs map[string]string) {
	t.Helper()
	for name, file := range programs {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatalf("%v", err)
		}
		n.Write(t, "/opt/bin/"+name, content, 0o755)
	}
}

// Kubelet stops or starts the node's kubelet. Its containers go on running.
func (n *Node) Kubelet(t etcdtest.T, stopOrStart string) {
	t.Helper()
	n.lab.lab(t, time.Minute, "kubelet", n.Name, stopOrStart)
}

// RestartKubelet kills it, and waits until another is there.
func (n *Node) RestartKubelet(t etcdtest.T) {
	t.Helper()
	old := strings.TrimSpace(n.Must(t, "pgrep", "-x", "kubelet"))
	n.Must(t, "kill", "-KILL", old)
	n.Shell(t, `for i in {1..300}; do new=$(pgrep -x kubelet || true); [[ -z $new || $new == "$1" ]] || exit 0; sleep 0.1; done; exit 1`, old)
}

// PowerOff kills everything on the node at once. PowerOn boots it from its disks.
func (n *Node) PowerOff(t etcdtest.T) {
	t.Helper()
	n.lab.lab(t, time.Minute, "poweroff", n.Name)
}

// PowerOn boots the node. It does not wait for its API server.
func (n *Node) PowerOn(t etcdtest.T) {
	t.Helper()
	n.lab.lab(t, 2*time.Minute, "poweron", n.Name)
}

// KubeletPID is 0 if there is none.
func (n *Node) KubeletPID(t etcdtest.T) int {
	t.Helper()
	pid, _ := strconv.Atoi(strings.TrimSpace(n.Run(t, "pgrep", "-x", "kubelet").Stdout))
	return pid
}
