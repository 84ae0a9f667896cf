package pod

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// arrived is where the program comes to be in a helper pod.
const arrived = tmp + "/kubectl-etcd_restore"

// look runs the program that is on the node already, if it lies where only root can put
// it: it finds out by itself whether it is whole. An image of kube-proxy has nothing to
// hash a file with.
const look = `set -eu
for d in %[1]s %[2]s %[2]s/%[3]s; do [ -d "$d" ] && [ ! -L "$d" ] && [ -O "$d" ] || exit 3; done
file=%[2]s/%[3]s/%[4]s
[ -x "$file" ] || exit 3
exec "$file" node install %[3]s
`

// attempts are made to bring the program to the node. Each goes on where the one before
// it was cut off.
const attempts = 5

// install brings the program to the node, unless it is there.
func (c *Cluster) install(ctx context.Context, pod string, p transport.Program) error {
	code, _, err := c.script(ctx, pod, fmt.Sprintf(look, transport.Dir, transport.Programs, p.SHA256, path.Base(p.Path())), nil)
	if err != nil || code == 0 {
		return err
	}
	for range attempts {
		if err = c.bring(ctx, pod, p); err == nil || !errors.Is(err, transport.ErrConnection) && !errors.Is(err, errDamaged) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// errDamaged is returned for a program that did not arrive as it was sent.
var errDamaged = errors.New("it did not arrive whole")

// bring copies the program into the pod, from where it was cut off, and lets it put
// itself in its place.
func (c *Cluster) bring(ctx context.Context, pod string, p transport.Program) error {
	_, out, err := c.script(ctx, pod, `wc -c < `+arrived+` || echo 0`, nil)
	if err != nil {
		return err
	}
	have, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
	redirect := ">>"
	if err != nil || have <= 0 || have > p.Size { // no wc here, too
		have, redirect = 0, ">"
	}
	f, err := os.Open(p.File)
	if err != nil {
		return fmt.Errorf("%w: %w", transport.ErrProgram, err)
	}
	defer f.Close()
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return fmt.Errorf("%w: %w", transport.ErrProgram, err)
	}
	if code, out, err := c.script(ctx, pod, "umask 077; cat "+redirect+" "+arrived+" && chmod 0700 "+arrived, f); err != nil {
		return err
	} else if code != 0 {
		return fmt.Errorf("%w: it cannot be written there: %s", transport.ErrProgram, out)
	}
	code, out, err := c.script(ctx, pod, "exec "+arrived+" node install "+p.SHA256, nil)
	if err != nil || code == 0 {
		return err
	}
	if _, _, err := c.script(ctx, pod, ": > "+arrived, nil); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w: exit code %d: %s", transport.ErrProgram, errDamaged, code, out)
}

// script runs a script of sh, which has no words of anybody else's in it, and returns
// what it prints.
func (c *Cluster) script(ctx context.Context, pod, script string, in io.Reader) (int, string, error) {
	var out, errs bytes.Buffer
	code, err := c.exec(ctx, pod, []string{"sh", "-c", script}, streams{in, &out, &errs})
	text := out.String()
	if code != 0 {
		text += errs.String()
	}
	return code, strings.TrimSpace(text), err
}

// fits compares the program with the node that is to run it.
func fits(p transport.Program, t Target) error {
	f, err := elf.Open(p.File)
	if err != nil {
		return fmt.Errorf("%w: %w", transport.ErrProgram, err)
	}
	defer f.Close()
	built := map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_ARM: "arm"}[f.Machine]
	if built == "" || t.Architecture == "" || built == t.Architecture {
		return nil
	}
	return hint.New(fmt.Errorf("%w: %s is %s, and this program is for %s", transport.ErrProgram, t.Name, t.Architecture, built),
		"give the one for %s, from the release of the same version: --node-program FILE", t.Architecture)
}
