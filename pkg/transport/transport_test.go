package transport_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// TestInput: what a caller sends an agent gets, and it learns that the caller has gone.
func TestInput(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("not a line\n", 100_000)
	in := transport.NewInput(transport.Command{Args: []string{"node", "a b", "$(x)\n"}, Stdin: strings.NewReader(want)})
	r, w := io.Pipe()
	go transport.Feed(w, in)
	ctx, args, stdin, err := transport.Accept(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if len(args) != 3 || args[1] != "a b" || args[2] != "$(x)\n" {
		t.Errorf("arguments %q", args)
	}
	got, err := io.ReadAll(stdin)
	if err != nil || string(got) != want {
		t.Errorf("%d bytes of standard input, not %d: %v", len(got), len(want), err)
	}
	if ctx.Err() != nil {
		t.Errorf("ended while the caller waits: %v", context.Cause(ctx))
	}
	in.Close()
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, transport.ErrGone) {
		t.Errorf("cause %v", err)
	}
}

// TestInputBroken: a caller that goes in the middle of its input does not make it look
// whole.
func TestInputBroken(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in string }{
		"in a chunk":      {"{\"args\":[\"x\"]}\nff\r\nshort"},
		"between chunks":  {"{\"args\":[\"x\"]}\n2\r\nok\r\n"},
		"not even begun":  {"{\"args\":[\"x\"]}\n"},
		"of another kind": {"{\"args\":[\"x\"]}\nhello there\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, stdin, err := transport.Accept(t.Context(), strings.NewReader(tc.in))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(stdin); err == nil {
				t.Errorf("read %q as a whole input", got)
			}
		})
	}
}

func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"nothing":       "",
		"no line":       `{"args":["x"]}`,
		"no JSON":       "node status\n",
		"no arguments":  "{\"args\":[]}\n",
		"another field": "{\"args\":[\"x\"],\"env\":[\"LD_PRELOAD=x\"]}\n",
		"endless":       strings.Repeat("x", 2<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, args, _, err := transport.Accept(t.Context(), strings.NewReader(in)); !errors.Is(err, transport.ErrRequest) {
				t.Errorf("accepted %q: %v", args, err)
			}
		})
	}
}

// TestOutcome: the error comes out of standard error, the rest goes on without what a
// terminal would obey.
func TestOutcome(t *testing.T) {
	t.Parallel()
	var rest bytes.Buffer
	o := transport.NewOutcome("cp1", &rest)
	for _, part := range []string{"one\ntw", "o \x1b[31mred\n{\"message_type\":\"exit_error\",\"code\":6,\"mess", "age\":\"no \\u001b[2Jspace\",\"hint\":\"make room\"}\n"} {
		if _, err := io.WriteString(o, part); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := rest.String(), "one\ntwo [31mred\n"; got != want {
		t.Errorf("rest %q, want %q", got, want)
	}
	var exit *transport.ExitError
	if err := o.Err(6); !errors.As(err, &exit) || exit.Code != 6 || exit.Error() != "cp1: no [2Jspace" || exit.Hint() != "make room" {
		t.Errorf("error %#v", exit)
	}
	if err := transport.NewOutcome("cp1", nil).Err(0); err != nil {
		t.Error(err)
	}
}

// TestOutcomeWithoutError: of a program that dies its last words are kept.
func TestOutcomeWithoutError(t *testing.T) {
	t.Parallel()
	o := transport.NewOutcome("cp1", nil)
	_, _ = io.WriteString(o, "fatal: out of memory\n\n")
	if err := o.Err(2); err == nil || err.Error() != "cp1: fatal: out of memory" {
		t.Errorf("error %v", err)
	}
}
