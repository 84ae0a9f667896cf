package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Workstation is where somebody sits who restores the whole cluster: this machine, with
// an administrator's kubeconfig, an ssh configuration that knows the nodes, a home of its
// own and no terminal. It holds no state of the cluster that another workstation lacks.
type Workstation struct {
	lab *Lab
	dir string
}

// Workstation makes one, with these programs on its PATH.
func (l *Lab) Workstation(t etcdtest.T, programs map[string]string) *Workstation {
	t.Helper()
	w := &Workstation{lab: l, dir: t.TempDir()}
	admin, err := os.ReadFile(l.Kubeconfig())
	w.write(t, ".kube/config", admin, err)
	w.write(t, "tmp/.keep", nil, nil)
	for name, file := range programs {
		path, err := filepath.Abs(file)
		if err == nil {
			err = os.MkdirAll(w.Path("bin"), 0o755)
		}
		if err == nil {
			err = os.Symlink(path, w.Path("bin/"+name))
		}
		if err != nil {
			t.Fatalf("%v", err)
		}
	}
	var config, known bytes.Buffer
	fmt.Fprintf(&config, "User root\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\nStrictHostKeyChecking yes\n",
		filepath.Join(l.dir, "ssh_key"), w.Path("known_hosts"))
	for _, n := range l.nodes {
		address := n.Address(t)
		key, err := os.ReadFile(filepath.Join(l.dir, "nodes", n.Name, "etc/ssh/lab_host_key.pub"))
		if err != nil {
			t.Fatalf("%v", err)
		}
		fmt.Fprintf(&known, "%s %s", address, key)
		fmt.Fprintf(&config, "Host %s\n\tHostName %s\n", n.Name, address)
	}
	w.write(t, "known_hosts", known.Bytes(), nil)
	w.write(t, "ssh_config", config.Bytes(), nil)
	return w
}

func (w *Workstation) write(t etcdtest.T, name string, content []byte, err error) {
	t.Helper()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(w.Path(name)), 0o755)
	}
	if err == nil {
		err = os.WriteFile(w.Path(name), content, 0o600)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// Path is that of a file in its home.
func (w *Workstation) Path(name string) string { return filepath.Join(w.dir, name) }

// Copy brings a file of a node's disk here, past all networks.
func (w *Workstation) Copy(t etcdtest.T, n *Node, path, name string) {
	t.Helper()
	n.CopyTo(t, path, w.Path(name))
}

// SSH are the flags that lead to these nodes, none for all, by ssh.
func (w *Workstation) SSH(nodes ...*Node) []string {
	if len(nodes) == 0 {
		nodes = w.lab.nodes
	}
	flags := []string{"--ssh-config", w.Path("ssh_config")}
	for _, n := range nodes {
		flags = append(flags, "--ssh", n.Name)
	}
	return flags
}

// Shell runs a script that has to succeed, as somebody pastes it.
func (w *Workstation) Shell(t etcdtest.T, script string) Result {
	t.Helper()
	r := w.Run(t, "bash", "-euc", script)
	if r.Code != 0 {
		t.Fatalf("%s ended with %d\n%s%s", script, r.Code, r.Stdout, r.Stderr)
	}
	return r
}

// Run runs a command to its end.
func (w *Workstation) Run(t etcdtest.T, args ...string) Result {
	t.Helper()
	return w.Start(t, args...).Wait(t)
}

// command is in a PID namespace of its own, with which everything ends that it started:
// ssh's children, too.
func (w *Workstation) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "unshare", append([]string{"--pid", "--fork", "--kill-child=KILL", "--", "tini", "-s", "--"}, args...)...)
	cmd.Dir = w.dir
	cmd.Env = []string{
		"HOME=" + w.dir, "TMPDIR=" + w.Path("tmp"), "KUBECONFIG=" + w.Path(".kube/config"), "LC_ALL=C.UTF-8",
		"PATH=" + w.Path("bin") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Process is a command of a workstation that runs.
type Process struct {
	args   []string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	began  time.Time
	done   chan struct{}
	err    error // of Wait, when done

	stdout, stderr said
}

// said is output, which can be read while it is written.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// longest bounds a command of a workstation, which waits for all nodes.
const longest = 12 * time.Minute

// Start starts a command.
func (w *Workstation) Start(t etcdtest.T, args ...string) *Process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	p := &Process{args: args, cmd: w.command(ctx, args), cancel: cancel, began: time.Now(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	go func() {
		defer close(p.done)
		defer cancel()
		p.err = p.cmd.Wait()
		if ctx.Err() == context.DeadlineExceeded {
			p.err = fmt.Errorf("it did not end in %v", longest)
		}
	}()
	t.Cleanup(p.Kill)
	return p
}

// Until waits until its output has a text, which must come before it ends.
func (p *Process) Until(t etcdtest.T, text string) {
	t.Helper()
	err := Eventually(t.Context(), longest, func(context.Context) error {
		select {
		case <-p.done:
			return nil
		default:
		}
		if !strings.Contains(p.Said(), text) {
			return fmt.Errorf("%s has not said %q", strings.Join(p.args, " "), text)
		}
		return nil
	})
	if err == nil && !strings.Contains(p.Said(), text) {
		err = fmt.Errorf("%s ended before it said %q", strings.Join(p.args, " "), text)
	}
	if err != nil {
		t.Fatalf("%v\n%s%s", err, p.stdout.String(), p.stderr.String())
	}
}

// Said is all its output so far.
func (p *Process) Said() string { return p.stdout.String() + p.stderr.String() }

// Ended is whether it has come to its end.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Kill ends it and all that it started at once, as a power cut does.
func (p *Process) Kill() {
	if !p.Ended() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
	<-p.done
}

// Interrupt is Ctrl-C.
func (p *Process) Interrupt(t etcdtest.T) {
	t.Helper()
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatalf("%v", err)
	}
}

// Wait waits until it ends.
func (p *Process) Wait(t etcdtest.T) Result {
	t.Helper()
	<-p.done
	r := Result{p.stdout.String(), p.stderr.String(), code(p.cmd.ProcessState), time.Since(p.began)}
	if r.Code < 0 || p.err != nil && t.Context().Err() != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(p.args, " "), p.err, r.Stdout, r.Stderr)
	}
	return r
}
