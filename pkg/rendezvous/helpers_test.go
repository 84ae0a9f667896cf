package rendezvous_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

var plan = strings.Repeat("0123456789abcdef", 4)

func filesOf(certs *etcdtest.TLS) rendezvous.Files {
	return rendezvous.Files{Cert: certs.Cert("peer"), Key: certs.Key("peer"), CA: certs.CA()}
}

// node is one that tells a state, which changes.
type node struct {
	url  string
	stop func() // returns when the address is free

	mu    sync.Mutex
	state rendezvous.State
}

func (n *node) set(change func(*rendezvous.State)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change(&n.state)
}

func start(t *testing.T, certs *etcdtest.TLS, address, member string) *node {
	t.Helper()
	l, err := rendezvous.Listen(address, filesOf(certs))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{url: "https://" + l.Address(), state: rendezvous.State{PlanSHA256: plan, Member: member, Phase: "stop"}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- l.Serve(ctx, func() rendezvous.State {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.state
		})
	}()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func client(t *testing.T, certs *etcdtest.TLS) *rendezvous.Client {
	t.Helper()
	c, err := rendezvous.NewClient(filesOf(certs))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// stranger is a server that has the certificates and is no node.
func stranger(t *testing.T, certs *etcdtest.TLS, h http.HandlerFunc) string {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certs.Cert("peer"), certs.Key("peer"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// tell answers like a node, but with this text.
func tell(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.etcd-restore.state.v1+json")
		_, _ = io.WriteString(w, text)
	}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// check demands an error, a part of its text, and a hint.
func check(t *testing.T, err, want error, text string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %v about %q", err, want, text)
		return
	}
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || hinted.Hint() == "" {
		t.Errorf("%v: without a hint", err)
	}
}
