package etcdtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// readyTimeout bounds the wait for a member to serve. It is generous for a
// machine that runs many tests at once; a healthy member needs a second.
const readyTimeout = 90 * time.Second

// Member is one etcd server: where it lives, and its process while it runs.
// Every field may be changed until it is started, DataDir above all: that is
// how a member is booted on a directory that a restore made elsewhere.
type Member struct {
	Name      string
	DataDir   string
	WALDir    string // empty: inside DataDir
	PeerURL   string
	ClientURL string
	Learner   bool // says what to expect of it; set by AddLearner, or by whoever restored it as one
	LogFile   string
	Args      []string // further flags of this member, after those of the Config

	cluster *Cluster
	proc    *process
}

// process is a started server. err is valid once done is closed.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts the process and does not wait for it; see Ready.
func (m *Member) Start(t T) {
	t.Helper()
	if m.Running() {
		t.Fatalf("%s is running already", m.Name)
	}
	log, err := os.OpenFile(m.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer log.Close() // the child has its own descriptor
	cmd := exec.Command(Binary(t, m.cluster.cfg.Version, "etcd"), m.flags()...)
	cmd.Stdout, cmd.Stderr = log, log
	// The kernel kills the server when this process dies without running its
	// cleanups. (It acts on the death of the starting thread; threads that no
	// goroutine was locked to live as long as a Go process does.)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", m.Name, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	m.proc = p
}

// Ready waits until the member serves: it answers a linearizable read, which
// takes a leader and a quorum. It fails as soon as the process exits.
func (m *Member) Ready(t T) {
	t.Helper()
	if m.proc == nil {
		t.Fatalf("%s was not started", m.Name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), readyTimeout)
	defer cancel()
	client := m.cluster.dialAs(t, []string{m.ClientURL}, "", "") // a login takes a member that serves
	answered := make(chan error, 1)
	go func() { answered <- m.ready(ctx, client) }()
	select {
	case <-m.proc.done:
		t.Fatalf("%s exited before it served: %v\n%s", m.Name, m.proc.err, m.LogTail(10))
	case err := <-answered:
		if err != nil {
			t.Fatalf("%s does not serve: %v\n%s", m.Name, err, m.LogTail(10))
		}
	}
}

// Running tells whether the process has been started and not yet exited.
func (m *Member) Running() bool {
	if m.proc == nil {
		return false
	}
	select {
	case <-m.proc.done:
		return false
	default:
		return true
	}
}

// PID is the process ID of a member that was started.
func (m *Member) PID() int { return m.proc.cmd.Process.Pid }

// Kill ends the process with SIGKILL, as a power cut would end it but for the
// page cache, and waits until it is gone.
func (m *Member) Kill(t T) {
	t.Helper()
	m.signal(t, syscall.SIGKILL)
}

// Kill ends those of the members that run with SIGKILL, in this order but
// without waiting in between, and returns when all are gone.
func Kill(t T, members ...*Member) {
	t.Helper()
	var killed []*Member
	for _, m := range members {
		if m.Running() {
			m.send(t, syscall.SIGKILL)
			killed = append(killed, m)
		}
	}
	for _, m := range killed {
		_ = m.Wait(t)
	}
}

// Pause stops the process where it stands, until Resume or Kill: to its peers
// it looks like a machine that hangs.
func (m *Member) Pause(t T) {
	t.Helper()
	m.send(t, syscall.SIGSTOP)
	// One thread takes the signal, when it gets a processor, and stops the others: until
	// then they go on. The kernel tells the parent when all stand.
	if err := unix.Waitid(unix.P_PID, m.PID(), nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatalf("wait until %s stands: %v", m.Name, err)
	}
}

// Resume lets a paused process go on.
func (m *Member) Resume(t T) {
	t.Helper()
	m.send(t, syscall.SIGCONT)
}

// Stop asks the process to end with SIGTERM and waits until it is gone.
func (m *Member) Stop(t T) {
	t.Helper()
	m.signal(t, syscall.SIGTERM)
}

func (m *Member) signal(t T, sig syscall.Signal) {
	t.Helper()
	m.send(t, sig)
	_ = m.Wait(t) // that it ended by a signal is no news
}

func (m *Member) send(t T, sig syscall.Signal) {
	t.Helper()
	if !m.Running() {
		t.Fatalf("%s is not running", m.Name)
	}
	if err := m.proc.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("%s to %s: %v", sig, m.Name, err)
	}
}

// Wait waits until the process has exited by itself and returns its error.
func (m *Member) Wait(t T) error {
	t.Helper()
	select {
	case <-m.proc.done:
		return m.proc.err
	case <-time.After(readyTimeout):
		t.Fatalf("%s still runs after %s\n%s", m.Name, readyTimeout, m.LogTail(10))
		return nil
	}
}

// LogTail returns the last lines of the member's log.
func (m *Member) LogTail(lines int) string {
	log, err := os.ReadFile(m.LogFile)
	if err != nil {
		return err.Error()
	}
	all := bytes.SplitAfter(bytes.TrimSpace(log), []byte("\n"))
	return fmt.Sprintf("%s:\n%s", m.LogFile, bytes.Join(all[max(0, len(all)-lines):], nil))
}

func (m *Member) flags() []string {
	cfg := m.cluster.cfg
	flags := []string{
		"--name", m.Name,
		"--data-dir", m.DataDir,
		"--listen-client-urls", m.ClientURL, "--advertise-client-urls", m.ClientURL,
		"--listen-peer-urls", m.PeerURL, "--initial-advertise-peer-urls", m.PeerURL,
		"--initial-cluster", m.cluster.InitialCluster(),
		"--initial-cluster-token", cfg.Token,
		"--initial-cluster-state", m.cluster.state,
		"--logger", "zap", "--log-outputs", "stderr",
	}
	if m.WALDir != "" {
		flags = append(flags, "--wal-dir", m.WALDir)
	}
	if cfg.TLS != nil {
		flags = append(flags, cfg.TLS.serverFlags()...)
	}
	flags = append(flags, cfg.Args...)
	return append(flags, m.Args...)
}
