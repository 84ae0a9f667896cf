package etcdrestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/local"
)

// TestMain is the program itself, too, for tests that start it as a transport does, and
// for what they leave behind.
func TestMain(m *testing.M) {
	if isAgent(os.Args[1:]) || isLeft(os.Args[1:]) {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(Run(ctx, Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, os.Args[1:]))
	}
	os.Exit(m.Run())
}

func thisNode(t *testing.T) transport.Node {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return local.New("cp1", program)
}

// TestAgent: a verb runs elsewhere as it would here, its error comes back with code and
// hint.
func TestAgent(t *testing.T) {
	t.Parallel()
	n := thisNode(t)
	var out bytes.Buffer
	if err := n.Run(t.Context(), transport.Command{Args: []string{"version", "-o", "json"}, Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out.Bytes()) {
		t.Errorf("no JSON: %s", out.String())
	}
	missing := filepath.Join(t.TempDir(), "none here; touch x")
	err := n.Run(t.Context(), transport.Command{Args: []string{"node", "status", "--rootfs", missing}})
	var exit *transport.ExitError
	if !errors.As(err, &exit) || exit.Code != 1 || !strings.Contains(exit.Message, missing) || exit.Hint() == "" {
		t.Errorf("error %v", err)
	}
}

// TestAgentAlone: by hand there is nothing to do for it.
func TestAgentAlone(t *testing.T) {
	t.Parallel()
	var errOut bytes.Buffer
	code := Run(t.Context(), Streams{In: strings.NewReader(""), Out: &bytes.Buffer{}, ErrOut: &errOut}, []string{"agent"})
	if code != 2 || !strings.Contains(errOut.String(), "exit_error") {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
}
