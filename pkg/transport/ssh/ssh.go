// Package ssh runs this program on a host through the ssh client of this machine, with
// its configuration, its agent, its jump hosts and the host keys that it knows. Nothing
// of that is made weaker, and nobody is asked: what ssh would ask about is an error.
//
// One login carries all that runs on a host, as long as it lasts: see master.
package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

var (
	// ErrHost is returned for what cannot be a host.
	ErrHost = errors.New("not a host for ssh")
	// ErrNoSSH is returned where there is no ssh client.
	ErrNoSSH = errors.New("there is no ssh on this machine")
)

// Config says how to get there.
type Config struct {
	Host       string // as ssh takes it: a name of its configuration, USER@HOST, or ssh://USER@HOST:PORT
	ConfigFile string // of ssh; "" is its own
	Sudo       bool   // the user is not root, and may sudo without a password
	Program    transport.Program
}

// Node is a host with this program on it.
type Node struct {
	cfg    Config
	ssh    string
	dir    string // for the socket; nobody else's
	mu     sync.Mutex
	master *master // nil if there is none
	plain  bool    // a login each: one for all does not work here
}

// Dial connects, and brings the program there if need be. Close the node.
func Dial(ctx context.Context, cfg Config) (*Node, error) {
	n, err := connect(cfg)
	if err != nil {
		return nil, err
	}
	if err := n.install(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// connect asks nobody yet.
func connect(cfg Config) (*Node, error) {
	if err := check(cfg.Host); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg}
	var err error
	if n.ssh, err = exec.LookPath("ssh"); err != nil {
		return nil, hint.New(fmt.Errorf("%w: %w", ErrNoSSH, err), "install it: apt-get install openssh-client, or dnf install openssh-clients")
	}
	if n.dir, err = os.MkdirTemp("", "etcd-restore-"); err != nil { // 0700
		return nil, err
	}
	return n, nil
}

// check refuses what ssh or a shell on the way could take for something else.
func check(host string) error {
	_, name, found := strings.Cut(host, "@")
	if !found {
		name = host
	}
	if name == "" || strings.HasPrefix(host, "-") || strings.HasPrefix(name, "-") ||
		strings.ContainsAny(host, "\"'`$\\;&<>|(){}*?~") || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return hint.New(fmt.Errorf("%w: %q", ErrHost, host), "name it as [USER@]HOST, or as it is called in the configuration of ssh")
	}
	return nil
}

// Name implements transport.Node.
func (n *Node) Name() string { return NameOf(n.cfg.Host) }

// NameOf is the Name of a node that is reached as Config.Host says: without the user. The
// port of an ssh:// URL belongs to it, unless it is ssh's own: behind one address that
// forwards ports there are several nodes.
func NameOf(host string) string {
	host, isURL := strings.CutPrefix(host, "ssh://")
	if i := strings.LastIndex(host, "@"); i >= 0 {
		host = host[i+1:]
	}
	if !isURL {
		return host
	}
	return strings.TrimSuffix(host, ":22")
}

// patience is how long ssh has to end by itself once nobody waits for it.
const patience = 5 * time.Second

// options are those of every ssh that is started here. What the user's configuration
// says otherwise would do more than run a command, or wait for a person.
func (n *Node) options() []string {
	args := []string{
		"-T", "-a", "-x",
		"-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
		"-o", "ClearAllForwardings=yes", "-o", "PermitLocalCommand=no", "-o", "RemoteCommand=none", "-o", "EscapeChar=none",
		"-o", "LogLevel=INFO",
	}
	if n.cfg.ConfigFile != "" {
		args = append(args, "-F", n.cfg.ConfigFile)
	}
	return args
}

// command is ssh with a command for the host. It has a session of its own: Ctrl-C is for
// us, who tell the node, and there is no terminal on which a jump host could ask for a
// password.
func (n *Node) command(ctx context.Context, remote string, more ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, n.ssh, append(append(n.options(), more...), "--", n.cfg.Host, remote)...)
	cmd.Env = append(cmd.Environ(), "SSH_ASKPASS_REQUIRE=never")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.WaitDelay = patience
	return cmd
}

// Run implements transport.Node.
func (n *Node) Run(ctx context.Context, c transport.Command) error {
	in := transport.NewInput(c)
	defer in.Close()
	stderr := &tail{}
	out := transport.NewOutcome(n.Name(), io.MultiWriter(stderr, orDiscard(c.Stderr)))
	cmd, err := n.start(ctx, n.cfg.Program.Path()+" "+transport.AgentVerb, in, c.Stdout, out)
	if err != nil {
		return err
	}
	return n.explain(ctx, cmd.Wait(), stderr, func(code int) error {
		if code == cannotExec || code == notFound {
			return n.cannotRun(stderr.String())
		}
		return out.Err(code)
	})
}

// start starts a command on the host, as root. Its input ends when nobody waits for it any more:
// then it gives up by itself.
func (n *Node) start(ctx context.Context, remote string, in io.Reader, stdout, stderr io.Writer) (*exec.Cmd, error) {
	shared, err := n.share(ctx)
	if err != nil {
		return nil, err
	}
	if n.cfg.Sudo {
		remote = "sudo -n -- " + remote
	}
	cmd := n.command(ctx, remote, shared...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", n.Name(), transport.ErrConnection, err)
	}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = stdin.Close
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", n.Name(), transport.ErrConnection, err)
	}
	go transport.Feed(stdin, in)
	return cmd, nil
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// Leave implements transport.Node.
func (n *Node) Leave(ctx context.Context, j transport.Job) error {
	return transport.Detach(ctx, n, j)
}

// Close implements transport.Node. What runs on the host over this login is given up.
func (n *Node) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.master != nil {
		n.master.end()
		n.master = nil
	}
	n.plain = true
	return os.RemoveAll(n.dir)
}
