package rendezvous

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// statePath is where a node tells its state. No etcd has anything there.
const statePath = "/etcd-restore/v1/state"

// contentType tells a state from anything else that a server may answer.
const contentType = "application/vnd.etcd-restore.state.v1+json"

// patience is how long another node may take for one request, or a part of it.
const patience = 5 * time.Second

// memberHeader is the header in which an asker says which member it is. Nobody relies
// on that.
const memberHeader = "Etcd-Restore-Member"

// Listener has the address of a node's idle etcd.
type Listener struct {
	// Heard, if it is set before Serve, is told who was answered, by the name that the
	// asker gave. Several may be at once.
	Heard func(member string)

	inner net.Listener
}

// Address is where the node listens.
func (l *Listener) Address() string { return l.inner.Addr().String() }

// Listen takes an address, which has to be free. Nobody is answered until Serve.
func Listen(address string, files Files) (*Listener, error) {
	cfg, err := files.config()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, hint.New(fmt.Errorf("%w: %w", ErrListen, err), "see what listens there: ss -ltnp; it may be an etcd that was not stopped")
	}
	return &Listener{inner: tls.NewListener(l, cfg)}, nil
}

// Serve answers with what state says at that moment, for several at once, until the
// context ends. When it returns the address is free for etcd.
func (l *Listener) Serve(ctx context.Context, state func() State) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+statePath, func(w http.ResponseWriter, r *http.Request) {
		s := state()
		s.Time = time.Now().UTC()
		text, err := s.encode()
		if err != nil {
			http.Error(w, "the state of this node cannot be told", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, err = w.Write(text) // who does not read it asks again
		if by := r.Header.Get(memberHeader); err == nil && by != "" && l.Heard != nil {
			l.Heard(by)
		}
	})
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: patience,
		ReadTimeout:       patience,
		WriteTimeout:      patience,
		IdleTimeout:       patience,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = server.Close()
		close(stopped)
	})
	err := server.Serve(l.inner)
	if !stop() {
		<-stopped
	}
	_ = server.Close()
	if ctx.Err() != nil && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrListen, err)
}
