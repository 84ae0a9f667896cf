package ssh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
	"github.com/etcd-restore/etcd-restore/pkg/transport/ssh"
)

// TestRun: arguments and input come as they are, errors come back, and all of it takes
// one login.
func TestRun(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{})
	way := drop(t, h.port)
	h.configure(t, way.port, "root")
	n := h.dial(t)
	args := []string{"echo", "a b", "$(touch x)", "'", "\n", "--help", "ü"}
	var out bytes.Buffer
	must(t, n.Run(t.Context(), transport.Command{Args: args, Stdin: strings.NewReader("in\n"), Stdout: &out}))
	want, _ := json.Marshal(args)
	if got := out.String(); got != string(want)+"\nin\n" {
		t.Errorf("output %q", got)
	}
	var rest bytes.Buffer
	var exit *transport.ExitError
	err := n.Run(t.Context(), transport.Command{Args: []string{"fail"}, Stderr: &rest})
	if !errors.As(err, &exit) || exit.Code != 6 || exit.Error() != "cp1: there is no space" || exit.Hint() != "make room" || rest.String() != "working\n" {
		t.Errorf("error %v, and on standard error %q", err, rest.String())
	}
	if n := way.count(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// TestRunCanceled: nothing runs on for a caller that has gone.
func TestRunCanceled(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{})
	n := h.dial(t)
	lock := filepath.Join(h.dir, "lock")
	ctx, cancel := context.WithCancel(t.Context())
	err := n.Run(ctx, transport.Command{Args: []string{"wait", lock}, Stdout: writerFunc(cancel)})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	waitForLock(t, lock)
}

// TestRunCut: nothing runs on where the connection broke, and the next run has another.
func TestRunCut(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{})
	way := drop(t, h.port)
	h.configure(t, way.port, "root")
	h.dial(t) // the program is there
	way.mu.Lock()
	way.limit = 200 << 10
	way.mu.Unlock()
	n := h.dial(t)
	lock := filepath.Join(h.dir, "lock")
	here, waits := context.WithCancel(t.Context())
	err := n.Run(t.Context(), transport.Command{Args: []string{"wait", lock}, Stdin: endless{here}, Stdout: writerFunc(waits)})
	if !errors.Is(err, transport.ErrConnection) {
		t.Errorf("error %v", err)
	}
	waitForLock(t, lock)
	must(t, n.Run(t.Context(), transport.Command{Args: []string{"echo"}}))
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }

// endless begins when a context is done.
type endless struct{ begin context.Context }

func (e endless) Read(p []byte) (int, error) {
	<-e.begin.Done()
	return len(p), nil
}

func waitForLock(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	must(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
}

// TestSend: an upload goes on over connections that break.
func TestSend(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{})
	way := drop(t, h.port)
	h.configure(t, way.port, "root")
	n := h.dial(t)
	way.breakAfter(3 << 20)
	must(t, n.Close())
	n = h.dial(t)
	content := make([]byte, 12<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	path := filepath.Join(t.TempDir(), "snapshot.db")
	must(t, os.WriteFile(path, content, 0o600))
	f, err := transport.OpenFile(t.Context(), path)
	must(t, err)
	there, err := transport.Send(t.Context(), n, f, nil)
	must(t, err)
	if n := way.count(); n < 4 || there != transport.Uploads+"/"+f.SHA256+".db" {
		t.Errorf("%d connections; it is %s", n, there)
	}
	back, err := os.Create(filepath.Join(t.TempDir(), "back.db"))
	must(t, err)
	defer back.Close()
	must(t, transport.Fetch(t.Context(), n, there, f.Size, f.SHA256, back, nil))
}

// TestLeave: what is left behind is there when all that was connected is gone.
func TestLeave(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{})
	leave := func() (left detached.Left) {
		n, err := ssh.Dial(t.Context(), h.config(t))
		must(t, err)
		var out bytes.Buffer
		must(t, n.Run(t.Context(), transport.Command{Args: []string{"node", "leave", "--name", "run", "--", "x"}, Stdout: &out}))
		must(t, n.Leave(t.Context(), transport.Job{Name: "run", Args: []string{"x"}}))
		must(t, n.Close())
		must(t, json.Unmarshal(out.Bytes(), &left))
		return left
	}
	first := leave()
	if !first.Started {
		t.Errorf("%+v", first)
	}
	if again := leave(); again.Started || again.PID != first.PID {
		t.Errorf("%+v, then %+v", first, again)
	}
}

// TestJump: the way through another host.
func TestJump(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{})
	jump := startHost(t, options{})
	h.configure(t, h.port, "root", "ProxyJump jump", "Host jump", "HostName 127.0.0.1", "Port "+jump.port, "User nobody", "HostKeyAlias jump")
	key, err := os.ReadFile(filepath.Join(h.dir, "key.pub"))
	must(t, err)
	jump.write(t, "authorized_keys", string(key))
	_, err = ssh.Dial(t.Context(), h.config(t))
	requireTrouble(t, err, transport.ErrConnection, "host key", "")
	known, err := os.ReadFile(filepath.Join(h.dir, "known"))
	must(t, err)
	jumpKey, err := os.ReadFile(filepath.Join(jump.dir, "host_key.pub"))
	must(t, err)
	config, err := os.ReadFile(filepath.Join(h.dir, "config"))
	must(t, err)
	// The first value counts: the alias of the jump host comes before that of all.
	h.write(t, "config", "Host jump\nHostKeyAlias jump\n"+string(config))
	h.write(t, "known", string(known)+"jump "+string(jumpKey))
	n := h.dial(t)
	must(t, n.Run(t.Context(), transport.Command{Args: []string{"echo"}}))
}

func requireTrouble(t *testing.T, err error, is error, says, next string) {
	t.Helper()
	var h interface{ Hint() string }
	if !errors.Is(err, is) || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v, not %q", err, says)
	} else if !errors.As(err, &h) || !strings.Contains(h.Hint(), next) {
		t.Errorf("error %v, without the hint %q", err, next)
	}
}

// TestTrouble: each has one clear error, and what to do.
func TestTrouble(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host   options
		before func(t *testing.T, h *host, c *ssh.Config)
		is     error
		says   string
		next   string
	}{
		"host key unknown": {
			before: func(t *testing.T, h *host, _ *ssh.Config) { h.write(t, "known", "") },
			is:     transport.ErrConnection, says: "host key is not known", next: "compare the key",
		},
		"host key changed": {before: func(t *testing.T, h *host, _ *ssh.Config) {
			key, err := os.ReadFile(filepath.Join(h.dir, "other_key.pub"))
			must(t, err)
			h.write(t, "known", "node "+string(key))
		}, is: transport.ErrConnection, says: "not the one that is known", next: "find out why"},
		"no key": {
			before: func(t *testing.T, h *host, _ *ssh.Config) { h.write(t, "authorized_keys", "") },
			is:     transport.ErrConnection, says: "no key of this machine is accepted", next: "ssh-add",
		},
		"nobody listens": {
			before: func(t *testing.T, h *host, _ *ssh.Config) { h.configure(t, freePort(t), "root") },
			is:     transport.ErrConnection, says: "Connection refused", next: "true",
		},
		"no such name": {before: func(t *testing.T, h *host, _ *ssh.Config) {
			h.write(t, "config", "Host cp1\nHostName does-not-exist.invalid\n")
		}, is: transport.ErrConnection, says: "Could not resolve hostname", next: "DNS"},
		"bad configuration": {
			before: func(t *testing.T, h *host, _ *ssh.Config) { h.write(t, "config", "Hots cp1\n") },
			is:     transport.ErrConnection, says: "Bad configuration option", next: "correct",
		},
		"no configuration": {
			before: func(_ *testing.T, _ *host, c *ssh.Config) { c.ConfigFile = "/none" },
			is:     transport.ErrConnection, says: "Can't open user config", next: "--ssh-config",
		},
		"not root": {
			before: func(t *testing.T, h *host, _ *ssh.Config) { h.configure(t, h.port, "nobody") },
			is:     transport.ErrProgram, says: "not root", next: "--ssh-sudo",
		},
		"no sudo": {
			before: func(_ *testing.T, _ *host, c *ssh.Config) { c.Sudo = true },
			is:     transport.ErrConnection, says: "no sudo", next: "root@",
		},
		"sudo with a password": {
			host:   options{bin: map[string]string{"sudo": "#!/bin/sh\necho 'sudo: a password is required' >&2; exit 1\n"}},
			before: func(_ *testing.T, _ *host, c *ssh.Config) { c.Sudo = true },
			is:     transport.ErrConnection, says: "sudo asks for a password", next: "NOPASSWD",
		},
		"no sha256sum": {
			host:   options{bin: map[string]string{"sh": "#!/bin/sh\nPATH=/none exec /bin/sh \"$@\"\n", "cat": "#!/bin/sh\nexec /bin/cat\n"}},
			before: func(*testing.T, *host, *ssh.Config) {},
			is:     transport.ErrProgram, says: "is not there", next: "coreutils",
		},
		"disk full": {
			host: options{lib: "size=1m"}, before: func(*testing.T, *host, *ssh.Config) {},
			is: newfile.ErrNoSpace, says: "not enough space", next: "df -h",
		},
		"noexec": {
			host: options{lib: "size=100m,noexec"}, before: func(*testing.T, *host, *ssh.Config) {},
			is: transport.ErrProgram, says: "nothing may be started", next: "findmnt",
		},
		"another machine": {
			before: func(_ *testing.T, _ *host, c *ssh.Config) { c.Program.Machine = "s390x" },
			is:     transport.ErrProgram, says: "for s390x, and the node is", next: "--node-program",
		},
		"a talkative shell": {
			host: options{sshd: "ForceCommand echo welcome; eval \"$SSH_ORIGINAL_COMMAND\""}, before: func(*testing.T, *host, *ssh.Config) {},
			is: transport.ErrProgram, says: "welcome", next: ".bashrc",
		},
		"a folder of somebody else": {
			host:   options{sshd: "ForceCommand mkdir -p /var/lib/etcd-restore; chown nobody /var/lib/etcd-restore; eval \"$SSH_ORIGINAL_COMMAND\""},
			before: func(*testing.T, *host, *ssh.Config) {},
			is:     transport.ErrProgram, says: "no folder of root's", next: "ls -ld",
		},
		"a link": {
			host:   options{sshd: "ForceCommand ln -sfn /tmp /var/lib/etcd-restore; eval \"$SSH_ORIGINAL_COMMAND\""},
			before: func(*testing.T, *host, *ssh.Config) {},
			is:     transport.ErrProgram, says: "no folder of root's", next: "ls -ld",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := startHost(t, tc.host)
			c := h.config(t)
			tc.before(t, h, &c)
			n, err := ssh.Dial(t.Context(), c)
			if err == nil {
				n.Close()
			}
			requireTrouble(t, err, tc.is, tc.says, tc.next)
		})
	}
}

// TestSudo: a user that is not root becomes it.
func TestSudo(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{bin: map[string]string{"sudo": "#!/bin/sh\n[ \"$1 $2\" = '-n --' ] || exit 9\nshift 2\nexec \"$@\"\n"}})
	c := h.config(t)
	c.Sudo = true
	n, err := ssh.Dial(t.Context(), c)
	must(t, err)
	defer n.Close()
	must(t, n.Run(t.Context(), transport.Command{Args: []string{"echo"}}))
}

// TestCat: files are read, and nothing is brought there.
func TestCat(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{})
	dir := t.TempDir()
	for name, text := range map[string]string{"a.json": "{1}", "b.json": "{2}", "big": strings.Repeat("x", 8<<20)} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for pattern, want := range map[string]string{"*.json": "{1}{2}", "none*": ""} {
		if got, err := ssh.Cat(t.Context(), h.config(t), filepath.Join(dir, pattern)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", pattern, got, err)
		}
	}
	if got, err := ssh.Cat(t.Context(), h.config(t), filepath.Join(dir, "big")); err == nil {
		t.Errorf("%d bytes were read", len(got))
	}
	run(t, "ssh", "-F", h.dir+"/config", "cp1", "! ls -d /var/lib/etcd-restore")
}

// TestOneSession: a server that allows one session a connection gets a login each.
func TestOneSession(t *testing.T) {
	t.Parallel()
	n := startHost(t, options{sshd: "MaxSessions 1"}).dial(t)
	must(t, n.Run(t.Context(), transport.Command{Args: []string{"echo"}}))
}

// TestDamagedProgram: what is not the program any more is brought anew, and not run.
func TestDamagedProgram(t *testing.T) {
	t.Parallel()
	h := startHost(t, options{sshd: "ForceCommand for f in /var/lib/etcd-restore/bin/*/*; do [ \"$SSH_ORIGINAL_COMMAND\" != damage ] || echo >> $f; done; eval \"$SSH_ORIGINAL_COMMAND\""})
	h.dial(t)
	run(t, "sh", "-c", "ssh -F "+h.dir+"/config cp1 damage || true")
	must(t, h.dial(t).Run(t.Context(), transport.Command{Args: []string{"echo"}}))
}

func TestNameOf(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"cp1": "cp1", "root@cp1": "cp1", "a@b@cp1": "cp1", "ssh://cp1": "cp1", "ssh://root@cp1:2201": "cp1:2201", "ssh://cp1:22": "cp1", "ssh://root@[fd00::1]:22": "[fd00::1]", "fd00::1": "fd00::1",
	} {
		if got := ssh.NameOf(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}

func TestHostRefused(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"", "-oProxyCommand=x", "root@-x", "-x@cp1", "a b", "cp1;x", "cp1\n", "$(x)", "root@", "`x`", "cp1\x00"} {
		if _, err := ssh.Dial(t.Context(), ssh.Config{Host: host}); !errors.Is(err, ssh.ErrHost) {
			t.Errorf("%q: %v", host, err)
		}
	}
}
