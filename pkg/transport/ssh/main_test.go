package ssh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
	"github.com/etcd-restore/etcd-restore/pkg/transport/store"
)

// TestMain is the program on the node, too.
func TestMain(m *testing.M) {
	switch {
	case slices.Equal(os.Args[1:], []string{"version"}):
		os.Exit(0)
	case slices.Equal(os.Args[1:], []string{transport.AgentVerb}):
		os.Exit(agent())
	case len(os.Args) > 1 && os.Args[1] == detached.Verb:
		if _, err := detached.Enter(os.Args[2], os.Args[3], os.Getenv(detached.NotifySocket)); err != nil {
			os.Exit(1)
		}
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		<-ctx.Done() // or until its machine goes
		stop()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func agent() int {
	ctx, args, stdin, err := transport.Accept(context.Background(), os.Stdin)
	if err == nil {
		err = verb(ctx, args, stdin)
	}
	var exit *transport.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		exit = &transport.ExitError{Code: 1, Message: err.Error()}
	}
	_ = json.NewEncoder(os.Stderr).Encode(map[string]any{"message_type": "exit_error", "code": exit.Code, "message": exit.Message, "hint": exit.Next})
	return exit.Code
}

// verb are those of the program that a transport needs, and some for the tests.
func verb(ctx context.Context, args []string, stdin io.Reader) error {
	switch args[0] {
	case "echo":
		if err := json.NewEncoder(os.Stdout).Encode(args); err != nil {
			return err
		}
		_, err := io.Copy(os.Stdout, stdin)
		return err
	case "fail":
		fmt.Fprintln(os.Stderr, "working")
		return &transport.ExitError{Code: 6, Message: "there is no space", Next: "make room"}
	case "wait": // with a lock, until the caller goes
		f, err := os.Create(args[1])
		if err != nil {
			return err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return err
		}
		fmt.Println("here")
		<-ctx.Done()
		return context.Cause(ctx)
	}
	files, err := store.Open(transport.Uploads)
	if err != nil {
		return err
	}
	switch args[1] {
	case "receive": // --size N --sha256 HEX
		size, _ := strconv.ParseInt(args[3], 10, 64)
		answers := json.NewEncoder(os.Stdout)
		return files.Receive(ctx, transport.File{Size: size, SHA256: args[5]}, stdin, func(a transport.Arrived) error { return answers.Encode(a) })
	case "send": // --offset N -- FILE
		offset, _ := strconv.ParseInt(args[3], 10, 64)
		return files.Send(ctx, args[5], offset, os.Stdout)
	case "leave": // --name NAME -- ARGS
		program, err := os.Executable()
		if err != nil {
			return err
		}
		left, err := detached.Host{Program: program, Folder: transport.Logs, Env: os.Environ()}.Leave(ctx, transport.Job{Name: args[3], Args: args[5:]})
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(left)
	}
	return errors.New("no such verb")
}
