package cri_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/cri"
)

func TestDialRefuses(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "containerd.sock", "unix:", "unix://run/x.sock", "tcp://127.0.0.1:2375", "npipe:////./pipe/x"} {
		if _, err := cri.Dial(endpoint); !errors.Is(err, cri.ErrEndpoint) {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// Where no runtime answers that is said, with what to do, and soon.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(path("file"), nil, 0o600))

	silent, err := net.Listen("unix", path("silent")) // takes connections, and answers nothing
	must(t, err)
	defer silent.Close()

	dead, err := net.Listen("unix", path("dead")) // the socket stays, and nobody listens
	must(t, err)
	dead.(*net.UnixListener).SetUnlinkOnClose(false)
	must(t, dead.Close())

	web := httptest.NewUnstartedServer(http.NotFoundHandler())
	web.Listener.Close()
	web.Listener, err = net.Listen("unix", path("web"))
	must(t, err)
	web.Start()
	defer web.Close()

	for _, name := range []string{"missing", "file", "silent", "dead", "web", "with space"} {
		t.Run(name, func(t *testing.T) {
			r := dial(t, path(name))
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			_, err := r.Pods(ctx, cri.Filter{})
			if !errors.Is(err, cri.ErrUnreachable) {
				t.Errorf("got %v", err)
			}
			if !errors.As(err, new(interface{ Hint() string })) {
				t.Errorf("no hint: %v", err)
			}
		})
	}
}

// A path with characters that mean something in a URL is a path all the same.
func TestOddPath(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with space", "per%20cent", "a?b", "a#b", "ü"} {
		path := filepath.Join(t.TempDir(), name)
		r := serveAt(t, &server{}, path)
		if _, _, err := r.Version(t.Context()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}
