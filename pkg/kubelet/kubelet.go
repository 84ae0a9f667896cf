// Package kubelet finds the kubelet of this node, asks how it does, and starts it
// again. It reads /proc and the kubelet's health port, neither of which needs an API
// server.
package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// DefaultHealthz is where a kubelet answers unless its configuration says otherwise.
const DefaultHealthz = "127.0.0.1:10248"

var (
	// ErrNotRunning is returned when no kubelet runs on the node.
	ErrNotRunning = errors.New("the kubelet is not running")
	// ErrUnhealthy is returned for a kubelet that runs and does not work.
	ErrUnhealthy = errors.New("the kubelet is not healthy")
	// ErrRestart is returned when the kubelet could not be started again.
	ErrRestart = errors.New("the kubelet did not start again")
)

// State is a kubelet that runs.
type State struct {
	PID     int
	Started time.Time
	Healthy error // nil if it is
}

// young is how long after its start a kubelet may not answer yet.
const young = 10 * time.Second

// Find looks for the kubelet and asks it at healthz, an address such as
// DefaultHealthz, how it does. One that has only just started is asked until it
// answers, or until the context ends.
func Find(ctx context.Context, healthz string) (State, error) { return look(ctx, "/proc", healthz) }

func look(ctx context.Context, proc, healthz string) (State, error) {
	p, err := find(proc)
	if err != nil {
		return State{}, err
	}
	s := State{PID: p.pid, Started: p.started, Healthy: ask(ctx, healthz)}
	for s.Healthy != nil && time.Since(p.started) < young && pause(ctx) {
		s.Healthy = ask(ctx, healthz)
	}
	return s, nil
}

// pause waits a moment, and reports whether there was one.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// ask reads /healthz. Among what the kubelet checks there is that its loop, which
// looks at the folder of manifests, has come round of late.
func ask(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnhealthy, err)
	}
	client := http.Client{Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return hint.New(fmt.Errorf("%w: %w", ErrUnhealthy, err), "look at its log: journalctl -u kubelet -n 50")
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
	if resp.StatusCode != http.StatusOK {
		return hint.New(fmt.Errorf("%w: %s: %q", ErrUnhealthy, resp.Status, body), "look at its log: journalctl -u kubelet -n 50")
	}
	return nil
}
