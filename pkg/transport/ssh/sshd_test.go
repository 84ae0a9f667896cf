package ssh_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
)

// host is a real sshd on this machine, with a /var/lib of its own.
type host struct {
	dir  string
	port string
}

type options struct {
	lib  string            // of mount: options of /var/lib
	sshd string            // lines for sshd_config
	bin  map[string]string // programs for its PATH
}

func startHost(t *testing.T, o options) *host {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIP no sshd of our own: needs root")
	}
	if _, err := exec.LookPath("/usr/sbin/sshd"); err != nil {
		t.Skip("SKIP no sshd of our own: needs openssh-server")
	}
	dir, err := os.MkdirTemp("", "sshd-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	h := &host{dir: dir, port: freePort(t)}
	for _, key := range []string{"host_key", "key", "other_key"} {
		run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key))
	}
	must(t, os.Link(filepath.Join(dir, "key.pub"), filepath.Join(dir, "authorized_keys")))
	must(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	for name, text := range o.bin {
		must(t, os.WriteFile(filepath.Join(dir, "bin", name), []byte(text), 0o755))
	}
	passwd, err := os.ReadFile("/etc/passwd")
	must(t, err)
	// Nobody may log in, and root has no start-up files that would do this and that.
	h.write(t, "passwd", strings.NewReplacer("/nonexistent:/usr/sbin/nologin", "/:/bin/sh", "/root:/bin/bash", "/:/bin/sh").Replace(string(passwd)))
	h.write(t, "sshd_config", fmt.Sprintf(`ListenAddress 127.0.0.1
Port %s
HostKey %[2]s/host_key
PidFile none
AuthorizedKeysFile %[2]s/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
SetEnv PATH=%[2]s/bin:/usr/sbin:/usr/bin:/sbin:/bin
%s
`, h.port, dir, o.sshd))
	if o.lib == "" {
		o.lib = "size=100m"
	}
	cmd := exec.Command("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private", "sh", "-ec", `
mount -t tmpfs -o "$1" tmpfs /var/lib
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/sshd
mount --bind "$2/passwd" /etc/passwd
exec /usr/sbin/sshd -D -e -f "$2/sshd_config"`, "sh", o.lib, dir)
	stderr, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(stderr)
	for lines.Scan() && !strings.Contains(lines.Text(), "Server listening") {
		t.Log(lines.Text())
	}
	if lines.Err() != nil || !strings.Contains(lines.Text(), "Server listening") {
		t.Fatal("sshd does not start")
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	key, err := os.ReadFile(filepath.Join(dir, "host_key.pub"))
	must(t, err)
	h.write(t, "known", "node "+string(key))
	h.configure(t, h.port, "root")
	return h
}

func (h *host) write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(h.dir, name), []byte(text), 0o644))
}

// configure writes the configuration of the client: a host called cp1.
func (h *host) configure(t *testing.T, port, user string, more ...string) {
	t.Helper()
	h.write(t, "config", fmt.Sprintf(`Host *
HostKeyAlias node
HostName 127.0.0.1
IdentityFile %[1]s/key
IdentitiesOnly yes
UserKnownHostsFile %[1]s/known
GlobalKnownHostsFile /dev/null
Host cp1
Port %[2]s
User %[3]s
%[4]s
`, h.dir, port, user, strings.Join(more, "\n")))
}

func (h *host) config(t *testing.T) ssh.Config {
	t.Helper()
	program, err := transport.OpenProgram("")
	must(t, err)
	return ssh.Config{Host: "cp1", ConfigFile: filepath.Join(h.dir, "config"), Program: program}
}

func (h *host) dial(t *testing.T) *ssh.Node {
	t.Helper()
	n, err := ssh.Dial(t.Context(), h.config(t))
	must(t, err)
	t.Cleanup(func() { must(t, n.Close()) })
	return n
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must(t, err)
	return port
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dropping is a way to a host that breaks each time that so many bytes have gone there.
type dropping struct {
	port  string
	mu    sync.Mutex
	limit int64 // 0 for none
	conns int
}

func drop(t *testing.T, to string) *dropping {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { l.Close() })
	d := &dropping{}
	_, d.port, _ = net.SplitHostPort(l.Addr().String())
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", "127.0.0.1:"+to)
			if err != nil {
				in.Close()
				continue
			}
			go d.pass(in, out)
		}
	}()
	return d
}

// count is how many connections there were since the way began to break, or at all.
func (d *dropping) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conns
}

func (d *dropping) breakAfter(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit, d.conns = bytes, 0
}

func (d *dropping) pass(in, out net.Conn) {
	d.mu.Lock()
	limit := d.limit
	d.conns++
	d.mu.Unlock()
	go func() {
		_, _ = io.Copy(in, out)
		in.Close()
	}()
	if limit > 0 {
		_, _ = io.CopyN(out, in, limit)
	} else {
		_, _ = io.Copy(out, in)
	}
	in.Close()
	out.Close()
}
