package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Stopat is the name under which the program of test/e2e/stopat is among the
// Programs of a lab.
const Stopat = "stopat"

// killed is how stopat tells that it killed the program.
const killed = 128 + 9

// RunUntil runs a command that keeps a journal, and kills it with SIGKILL when that
// has come to a line: the number of one, or an event and the beginning of a step's
// name, as in intent:stage/. It reports whether it came that far.
func (n *Node) RunUntil(t etcdtest.T, line string, args ...string) (r Result, reached bool) {
	t.Helper()
	r = n.Run(t, append([]string{Stopat, line}, args...)...)
	return r, r.Code == killed
}

// RunHeld runs a command that keeps a journal, holds it when that has come to a line,
// does something to the world, and lets it go on.
func (n *Node) RunHeld(t etcdtest.T, line string, do func(), args ...string) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var stdout, said bytes.Buffer
	cmd := n.command(ctx, append([]string{Stopat, "-hold", line}, args...)...)
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatalf("%v", err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v", err)
	}
	held := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if held || lines.Text() != "stopat: held" {
			fmt.Fprintln(&said, lines.Text())
			continue
		}
		held = true
		do()
		stdin.Close()
	}
	_ = cmd.Wait() // how it ended is in the result
	r := Result{stdout.String(), said.String(), code(cmd.ProcessState), time.Since(began)}
	if !held || ctx.Err() != nil {
		t.Fatalf("%s: held at %s: %v, %v; it ended with %d\n%s%s", strings.Join(args, " "), line, held, ctx.Err(), r.Code, r.Stdout, r.Stderr)
	}
	return r
}

// PowerOffAt runs a command that keeps a journal and pulls the node's plug when that
// has come to a line.
func (n *Node) PowerOffAt(t etcdtest.T, line string, args ...string) {
	t.Helper()
	n.RunHeld(t, line, func() { n.PowerOff(t) }, args...)
}

// Eventually asks until there is no error, for at most that long, and returns the
// last one.
func Eventually(ctx context.Context, most time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var err error
	for {
		if e := ask(ctx); e == nil {
			return nil
		} else if ctx.Err() == nil || err == nil {
			err = e // not the one that only tells that the time is over
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not in %v: %w", most, err)
		case <-tick.C:
		}
	}
}
