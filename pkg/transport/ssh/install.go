package ssh

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// script brings the program onto a host, or says that it is missing. It is for any sh,
// quoted for any login shell: one line in the end, and without a single quote.
//
// The program is read again each time before anything of it runs, in a folder that only
// root can reach. Who could exchange it between the digest and its start is root already.
const script = `set -eu; umask 077; export LC_ALL=C;
fail() { echo "etcd-restore: $*" >&2; exit 1; };
for tool in id uname sha256sum stat cut mkdir chmod mv rm cat; do command -v $tool >/dev/null || fail tool $tool; done;
[ "$(id -u)" = 0 ] || fail root;
dir=PROGRAMS/DIGEST; file=$dir/kubectl-etcd_restore;
mkdir -p "$dir";
for d in DIR PROGRAMS "$dir"; do
  [ "$(stat -c "%u %F" "$d")" = "0 directory" ] || fail folder "$d";
  chmod 0700 "$d";
done;
sum() { sha256sum < "$1" | cut -d " " -f 1; };
if [ "$1" = put ]; then
  new=$file.$$;
  cat > "$new" || { rm -f "$new"; fail write; };
  [ "$(sum "$new")" = DIGEST ] || { rm -f "$new"; fail digest; };
  chmod 0700 "$new";
  mv "$new" "$file";
elif [ -L "$file" ] || [ "$(sum "$file" 2>/dev/null)" != DIGEST ]; then
  echo etcd-restore: missing $(uname -m); exit 0;
fi;
"$file" version >/dev/null </dev/null || fail exec;
echo etcd-restore: there`

const (
	cannotExec = 126 // of sh: see POSIX, 2.8.2
	notFound   = 127
)

func (n *Node) install(ctx context.Context) error {
	answer, err := n.shell(ctx, "look", strings.NewReader(""))
	if err != nil || answer == "there" {
		return err
	}
	if machine := lastOf(strings.Fields(answer)); machine != n.cfg.Program.Machine {
		return n.otherKind(fmt.Sprintf("the program is for %s, and the node is %s", n.cfg.Program.Machine, clean(machine)))
	}
	f, err := os.Open(n.cfg.Program.File)
	if err != nil {
		return fmt.Errorf("%w: %w", transport.ErrProgram, err)
	}
	defer f.Close()
	_, err = n.shell(ctx, "put", f)
	return err
}

// shell runs the script as root.
func (n *Node) shell(ctx context.Context, arg string, stdin io.Reader) (answer string, err error) {
	line := strings.NewReplacer(
		"PROGRAMS", transport.Programs, "DIGEST", n.cfg.Program.SHA256, "DIR", transport.Dir, "\n", " ",
	).Replace(script)
	stdout, stderr := &tail{}, &tail{}
	cmd, err := n.start(ctx, "sh -c '"+line+"' sh "+arg, stdin, stdout, stderr)
	if err != nil {
		return "", err
	}
	err = n.explain(ctx, cmd.Wait(), stderr, func(code int) error { return n.refused(code, stderr.String()) })
	if err != nil {
		return "", err
	}
	answer, found := strings.CutPrefix(lastLine(stdout.String()), said)
	if !found {
		return "", fmt.Errorf("%s: %w: it answered %q", n.Name(), transport.ErrProgram, lastLine(stdout.String()))
	}
	if noise := strings.TrimSuffix(strings.TrimSpace(stdout.String()), said+answer); noise != "" {
		return "", hint.New(fmt.Errorf("%s: %w: the login shell prints something of its own: %q", n.Name(), transport.ErrProgram, lastLine(noise)),
			"make its start-up files, such as ~/.bashrc, silent where there is no terminal")
	}
	return answer, nil
}

// said is how the script begins what it says.
const said = "etcd-restore: "

// refused tells what the script says, or what was in its way.
func (n *Node) refused(code int, stderr string) error {
	var why []string
	for line := range strings.Lines(stderr) {
		if text, found := strings.CutPrefix(strings.TrimSpace(line), said); found {
			why = strings.Fields(text)
		}
	}
	switch {
	case strings.Contains(stderr, "No space left on device"), strings.Contains(stderr, "Disk quota exceeded"):
		return hint.New(fmt.Errorf("%s: %w for the program in %s", n.Name(), newfile.ErrNoSpace, transport.Programs), "free some on the node: df -h %s", transport.Dir)
	case len(why) == 0:
		return n.unexpected(code, stderr)
	}
	fail := func(text string, args ...any) error {
		return fmt.Errorf("%s: %w: %s", n.Name(), transport.ErrProgram, fmt.Sprintf(text, args...))
	}
	switch why[0] {
	case "root":
		return hint.New(fail("the user there is not root"), "go there as root: --ssh root@%s; or let the user use sudo: --ssh-sudo", n.Name())
	case "tool":
		return hint.New(fail("%s is not there", lastOf(why)), "install it on the node: it is a part of coreutils")
	case "folder":
		return hint.New(fail("%s is no folder of root's", lastOf(why)), "look at it on the node, and move it away: ls -ld %s", hint.Path(lastOf(why)))
	case "digest":
		return hint.New(fail("it did not arrive as it was sent"), "do the same again")
	case "exec":
		return n.cannotRun(stderr)
	default:
		return n.unexpected(code, stderr)
	}
}

func lastOf(words []string) string { return words[len(words)-1] }

// cannotRun says why the program that is there does not start.
func (n *Node) cannotRun(stderr string) error {
	text := "it does not start"
	next := "start it there by hand: " + n.byHand(n.cfg.Program.Path()+" version")
	switch {
	case strings.Contains(stderr, "Exec format error"), strings.Contains(stderr, "cannot execute binary file"), strings.Contains(stderr, "cannot execute: required file not found"):
		return n.otherKind("it is for machines of another kind")
	case strings.Contains(stderr, "Permission denied"):
		text, next = "nothing may be started from "+transport.Dir, "see whether its file system is mounted noexec: "+n.byHand("findmnt -T "+transport.Dir)
	case strings.Contains(stderr, "not found"), strings.Contains(stderr, "No such file"):
		text, next = "it is not there any more", "do the same again"
	}
	return hint.New(fmt.Errorf("%s: %w: %s", n.Name(), transport.ErrProgram, text), "%s", next)
}

func (n *Node) otherKind(text string) error {
	return hint.New(fmt.Errorf("%s: %w: %s", n.Name(), transport.ErrProgram, text), "give one that is for the node, from the release of the same version: --node-program FILE")
}

// unexpected is what nobody has thought of.
func (n *Node) unexpected(code int, stderr string) error {
	text := fmt.Sprintf("exit code %d", code)
	for line := range strings.Lines(stderr) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, said) {
			text = line
		}
	}
	return fmt.Errorf("%s: %w: %s", n.Name(), transport.ErrProgram, text)
}
