package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// node answers as it likes.
type node func(try int, c transport.Command) error

type scripted struct {
	answer node
	tries  int
}

func (s *scripted) Name() string                               { return "cp1" }
func (s *scripted) Leave(context.Context, transport.Job) error { return nil }
func (s *scripted) Close() error                               { return nil }
func (s *scripted) Run(_ context.Context, c transport.Command) error {
	s.tries++
	return s.answer(s.tries, c)
}

func fileOf(t *testing.T, content string) transport.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := transport.OpenFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func say(c transport.Command, a transport.Arrived) {
	_ = json.NewEncoder(c.Stdout).Encode(a)
}

// TestSendGivesUp: as long as each connection brings something there is another, and no
// longer.
func TestSendGivesUp(t *testing.T) {
	f := fileOf(t, "0123456789")
	for name, tc := range map[string]struct {
		answer node
		is     error
		tries  int
	}{
		"never there": {func(int, transport.Command) error {
			return fmt.Errorf("%w: no route", transport.ErrConnection)
		}, transport.ErrConnection, 6},
		"a byte each, then none": {func(try int, c transport.Command) error {
			say(c, transport.Arrived{Have: int64(min(try, 7))})
			return fmt.Errorf("%w: broke", transport.ErrConnection)
		}, transport.ErrConnection, 12},
		"broken off without an error": {func(_ int, c transport.Command) error {
			say(c, transport.Arrived{Have: 3, Broken: "unexpected EOF"})
			return nil
		}, transport.ErrConnection, 6},
		"wrong twice": {func(_ int, c transport.Command) error {
			say(c, transport.Arrived{})
			_, _ = io.Copy(io.Discard, c.Stdin)
			say(c, transport.Arrived{Wrong: true})
			return nil
		}, transport.ErrDigest, 2},
		"an answer of something else": {func(_ int, c transport.Command) error {
			_, err := io.WriteString(c.Stdout, "Last login: yesterday\n")
			return err
		}, transport.ErrProgram, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := &scripted{answer: tc.answer}
				if _, err := transport.Send(t.Context(), n, f, nil); !errors.Is(err, tc.is) || n.tries != tc.tries {
					t.Errorf("%d connections, error %v", n.tries, err)
				}
			})
		})
	}
}

// TestSendRefusal: what the node refuses is not tried again.
func TestSendRefusal(t *testing.T) {
	t.Parallel()
	n := &scripted{answer: func(int, transport.Command) error { return &transport.ExitError{Node: "cp1", Code: 6, Message: "full"} }}
	var exit *transport.ExitError
	if _, err := transport.Send(t.Context(), n, fileOf(t, "x"), nil); !errors.As(err, &exit) || n.tries != 1 {
		t.Errorf("%d tries, error %v", n.tries, err)
	}
}

// TestSendCanceled: nobody waits for the next try who does not want it any more.
func TestSendCanceled(t *testing.T) {
	f := fileOf(t, "x")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := &scripted{answer: func(int, transport.Command) error { return transport.ErrConnection }}
		if _, err := transport.Send(ctx, n, f, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}

// TestFetchWrong: what comes and is not the file does not pass.
func TestFetchWrong(t *testing.T) {
	f := fileOf(t, "0123456789")
	for name, tc := range map[string]struct {
		sent string
		is   error
	}{
		"others":   {"9876543210", transport.ErrDigest},
		"too many": {"0123456789+", transport.ErrDigest},
		"too few":  {"012345678", transport.ErrConnection},
	} {
		t.Run(name, func(t *testing.T) {
			into, err := os.Create(filepath.Join(t.TempDir(), "back"))
			if err != nil {
				t.Fatal(err)
			}
			defer into.Close()
			sent := fileOf(t, tc.sent)
			synctest.Test(t, func(t *testing.T) {
				n := &scripted{answer: func(try int, c transport.Command) error {
					if tc.is == transport.ErrConnection && try > 1 {
						return nil
					}
					file, err := os.Open(sent.Path)
					if err != nil {
						return err
					}
					defer file.Close()
					return transport.Compress(c.Stdout, file)
				}}
				if err := transport.Fetch(t.Context(), n, "/x", f.Size, f.SHA256, into, nil); !errors.Is(err, tc.is) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestOpenFile(t *testing.T) {
	t.Parallel()
	if f := fileOf(t, "abc"); f.Size != 3 || f.SHA256 != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("%+v", f)
	}
	if _, err := transport.OpenFile(t.Context(), t.TempDir()); !errors.Is(err, transport.ErrFile) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := transport.OpenFile(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}
