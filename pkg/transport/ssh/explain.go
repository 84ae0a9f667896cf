package ssh

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// trouble is what ssh and sudo say when they do not get there.
type trouble struct {
	says string // a part of a line
	is   string // what it means; "" for the line itself
	next string // %s is a command to be pasted
}

// troubles are in the order in which they count: a jump host that refuses is followed by
// a connection that closes.
func troubles() []trouble {
	return []trouble{
		{"REMOTE HOST IDENTIFICATION HAS CHANGED", "its host key is not the one that is known", "find out why before anything else; ssh says where the known one is: %s"},
		{"Host key verification failed", "its host key is not known", "log in once by hand, and compare the key that is shown: %s"},
		{"Too many authentication failures", "too many keys were tried", "name the right one with IdentityFile and IdentitiesOnly in the configuration of ssh, then try: %s"},
		{"Permission denied (", "no key of this machine is accepted there", "load it with ssh-add, or name the right user: --ssh USER@HOST; then try: %s"},
		{"Could not resolve hostname", "", "name it as it is called in DNS or in the configuration of ssh, then try: %s"},
		{"Bad configuration option", "", "correct the configuration of ssh, then try: %s"},
		{"terminating, ", "", "correct the configuration of ssh, then try: %s"},
		{"Can't open user config", "", "give a configuration that is there: --ssh-config FILE"},
		{"sudo: a password is required", "sudo asks for a password there", "go there as root, or let the user use sudo without one (NOPASSWD), then try: %s"},
		{"sudo: a terminal is required", "sudo asks for a password there", "go there as root, or let the user use sudo without one (NOPASSWD), then try: %s"},
		{"you must have a tty", "sudo wants a terminal there", "take requiretty out of its sudoers, then try: %s"},
		{"is not in the sudoers", "the user may not use sudo there", "go there as root: --ssh root@HOST"},
		{"is not allowed to", "the user may not use sudo there", "go there as root: --ssh root@HOST"},
		{"sudo: not found", "there is no sudo there", "go there as root: --ssh root@HOST"},
		{"sudo: command not found", "there is no sudo there", "go there as root: --ssh root@HOST"},
		{"administratively prohibited", "the jump host does not let ssh through", "see AllowTcpForwarding in its sshd_config, then try: %s"},
		{"Connection refused", "", "see that sshd runs there, and try: %s"},
		{"Connection timed out", "", "see that the node is up and can be reached, and try: %s"},
		{"Operation timed out", "", "see that the node is up and can be reached, and try: %s"},
		{"No route to host", "", "see that the node is up and can be reached, and try: %s"},
		{"Network is unreachable", "", "see that the node is up and can be reached, and try: %s"},
		{"not responding", "", "see that the node is up and can be reached, and try: %s"},
		{"Connection reset by", "", "try it by hand: %s"},
		{"closed by remote host", "", "try it by hand: %s"},
		{"Connection closed by", "", "try it by hand: %s"},
		{"Broken pipe", "", "try it by hand: %s"},
	}
}

// find tells the trouble that counts, and the line that says so.
func find(stderr string) (trouble, string, bool) {
	for _, t := range troubles() {
		for line := range strings.Lines(stderr) {
			if strings.Contains(line, t.says) {
				return t, strings.TrimSpace(line), true
			}
		}
	}
	return trouble{}, "", false
}

func known(stderr string) bool {
	_, _, found := find(stderr)
	return found
}

// explain tells an error of ssh or sudo from one of what ran there, which exited knows.
func (n *Node) explain(ctx context.Context, err error, stderr *tail, exited func(code int) error) error {
	const ofSSH = 255
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit) && exit.Exited() && exit.ExitCode() != ofSSH && !n.sudoFailed(stderr.String()):
		return exited(exit.ExitCode())
	}
	t, line, found := find(stderr.String())
	switch {
	case !found && errors.Is(err, transport.ErrConnection):
		return hint.New(fmt.Errorf("%s: %w", n.Name(), err), "try it by hand: %s", n.byHand("true"))
	case !found:
		t.next, line = "try it by hand: %s", lastLine(stderr.String())
	}
	if t.is == "" {
		t.is = clean(line)
	}
	if t.is == "" {
		t.is = "ssh has ended without a word"
	}
	return hint.New(fmt.Errorf("%s: %w: %s", n.Name(), transport.ErrConnection, t.is), "%s", strings.ReplaceAll(t.next, "%s", n.byHand("true")))
}

// sudoFailed says whether sudo has not started anything.
func (n *Node) sudoFailed(stderr string) bool {
	t, _, found := find(stderr)
	return n.cfg.Sudo && found && strings.Contains(t.is, "sudo")
}

// byHand is a command that does the same for a person.
func (n *Node) byHand(remote string) string {
	words := []string{"ssh"}
	if n.cfg.ConfigFile != "" {
		words = append(words, "-F", hint.Path(n.cfg.ConfigFile))
	}
	words = append(words, hint.Path(n.cfg.Host))
	if n.cfg.Sudo {
		words = append(words, "sudo", "-n")
	}
	return strings.Join(append(words, remote), " ")
}

// clean drops what a terminal would obey.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
