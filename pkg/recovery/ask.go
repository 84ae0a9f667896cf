package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/noderestore"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Nodes are the ways to the nodes, by the names of their members.
type Nodes map[string]transport.Node

// patience bounds a question to a node that it can answer at once.
const patience = time.Minute

// maxAnswer bounds what a node may answer, in bytes.
const maxAnswer = 16 << 20

// ask runs a verb on a node, of which the result is one JSON object. A verb that fails
// may have printed one all the same: answer is what it says then.
func ask(ctx context.Context, n transport.Node, limit time.Duration, stdin []byte, answer any, args ...string) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := &limitedBuffer{}
	c := transport.Command{Args: append(args, "-o", "json"), Stdout: out}
	if stdin != nil {
		c.Stdin = bytes.NewReader(stdin)
	}
	err := n.Run(limited, c)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		err = fmt.Errorf("%s: %w: %s did not end within %s", n.Name(), transport.ErrConnection, strings.Join(args[:min(2, len(args))], " "), limit)
	}
	if err == nil || out.Len() > 0 && errors.As(err, new(*transport.ExitError)) {
		if bad := json.Unmarshal(out.Bytes(), answer); bad != nil && err == nil {
			err = fmt.Errorf("%s: answer to %s: %w", n.Name(), strings.Join(args[:min(2, len(args))], " "), bad)
		}
	}
	return err
}

type limitedBuffer struct{ bytes.Buffer }

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxAnswer {
		return 0, io.ErrShortBuffer
	}
	return b.Buffer.Write(p)
}

// each does something with all nodes at the same time, and returns what failed.
func each(names []string, do func(name string) error) map[string]error {
	var mu sync.Mutex
	var all sync.WaitGroup
	failed := map[string]error{}
	for _, name := range names {
		all.Go(func() {
			if err := do(name); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[name] = err
			}
		})
	}
	all.Wait()
	return failed
}

// inOrder are the errors of nodes in the order of their names.
func inOrder(failed map[string]error) (errs []error) {
	var names []string
	for name := range failed {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		errs = append(errs, failed[name])
	}
	return errs
}

// AskOptions say how the nodes are to look at a plan.
type AskOptions struct {
	Mode   string   // for parts that are not made yet; "" is the nodes' own choice
	Ignore []string // checks whose errors become warnings
}

// Ask lets each node find its part of the plan, or see whether it is still the one that
// the plan has, and check whether it can be done. The plan then has what they found.
// Nothing is changed on them. The error is about all nodes.
func (p *Plan) Ask(ctx context.Context, nodes Nodes, o AskOptions) error {
	if err := p.reaches(nodes); err != nil {
		return err
	}
	args := []string{"node", "plan", "-", "--without-snapshot"}
	if o.Mode != "" {
		args = append(args, "--data-dir-mode="+o.Mode)
	}
	if len(o.Ignore) > 0 {
		args = append(args, "--ignore-preflight-errors="+strings.Join(o.Ignore, ","))
	}
	var mu sync.Mutex
	checks := map[string]*preflight.Report{}
	failed := each(p.Names(), func(name string) error {
		text, err := p.node(name).Encode()
		if err != nil {
			return err
		}
		own := args
		if p.Nodes[name].Mode != "" {
			own = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "--data-dir-mode=") })
		}
		var found noderestore.Plan
		err = ask(ctx, nodes[name], 5*patience, text, &found, own...)
		mu.Lock()
		defer mu.Unlock()
		if found.Node.Member == name {
			p.Nodes[name] = found.Node
		}
		if found.Checks != nil {
			checks[name] = found.Checks
		}
		if err == nil && found.Node.Member != name {
			err = fmt.Errorf("%w: %s is member %q", ErrNodes, name, found.Node.Member)
		}
		return err
	})
	p.Checks = checks
	if err := ctx.Err(); err != nil {
		return err
	}
	return newRefusal(failed)
}

// reaches wants a way to each node of the plan.
func (p *Plan) reaches(nodes Nodes) error {
	for _, name := range p.Names() {
		if nodes[name] == nil {
			return hint.New(fmt.Errorf("%w: there is no way to %s", ErrNodes, name), "make a new plan without it: --exclude-node %s", name)
		}
	}
	return nil
}

// refusal is what all nodes have to say against a restore.
type refusal struct{ failed map[string]error }

func newRefusal(failed map[string]error) error {
	if len(failed) == 0 {
		return nil
	}
	return &refusal{failed}
}

// Error has a paragraph for each node.
func (r *refusal) Error() string {
	var b strings.Builder
	b.WriteString("nothing was touched:")
	for _, err := range inOrder(r.failed) {
		fmt.Fprintf(&b, "\n%v", err)
		if exit := (*transport.ExitError)(nil); !errors.As(err, &exit) || strings.Contains(exit.Message, "\n") {
			continue // its hints are in the text
		}
		if h := hintOf(err); h != "" {
			fmt.Fprintf(&b, "\n  hint: %s", h)
		}
	}
	return b.String()
}

// Hint is that of the nodes, if all say the same.
func (r *refusal) Hint() string {
	hints := map[string]bool{}
	last := ""
	for _, err := range r.failed {
		last = hintOf(err)
		hints[last] = true
	}
	if len(hints) == 1 && last != "" {
		return last
	}
	return "mend what is wrong and run it again"
}

// Unwrap lets each be asked for.
func (r *refusal) Unwrap() []error {
	errs := inOrder(r.failed)
	for _, err := range errs {
		if exit := (*transport.ExitError)(nil); errors.As(err, &exit) && exit.Code == codeRefused {
			return append(errs, preflight.ErrPreflight)
		}
	}
	return errs
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
