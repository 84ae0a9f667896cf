package probe

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// Readiness asks an API server's /readyz five times a second, each time over a new
// connection, from Watch to Close.
type Readiness struct {
	url  string
	http *http.Client
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	answers []answer
}

type answer struct {
	at    time.Time // when it was asked
	ready bool
}

// Watch begins to ask.
func Watch(ctx context.Context, config *rest.Config) (*Readiness, error) {
	tls, err := rest.TLSConfigFor(config)
	if err != nil {
		return nil, fmt.Errorf("ask %s whether it is ready: %w", config.Host, err)
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Readiness{
		url:  config.Host + "/readyz",
		stop: stop,
		done: make(chan struct{}),
		http: &http.Client{
			Timeout: time.Second,
			Transport: &http.Transport{
				TLSClientConfig:   tls,
				DisableKeepAlives: true,
				DialContext:       (&net.Dialer{Timeout: time.Second}).DialContext,
			},
		},
	}
	go r.ask(ctx)
	return r, nil
}

// Close ends it.
func (r *Readiness) Close() {
	r.stop()
	<-r.done
}

func (r *Readiness) ask(ctx context.Context) {
	defer close(r.done)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		at := time.Now()
		ready := r.ready(ctx)
		if ctx.Err() != nil {
			return
		}
		r.mu.Lock()
		r.answers = append(r.answers, answer{at, ready})
		r.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (r *Readiness) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url, nil)
	if err != nil {
		return false
	}
	resp, err := r.http.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Now is whether the last answer was that it is ready.
func (r *Readiness) Now() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.answers) > 0 && r.answers[len(r.answers)-1].ready
}

// Downtime is the time from the first question after since that was not answered with
// "ready" to the first that was, behind the last that was not. It is 0 if all were.
// The time runs on while the last answer is not "ready".
func (r *Readiness) Downtime(since time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	answers := r.answers[r.from(since):]
	first := slices.IndexFunc(answers, func(a answer) bool { return !a.ready })
	if first < 0 {
		return 0
	}
	last := len(answers) - 1
	for answers[last].ready && answers[last-1].ready {
		last--
	}
	return answers[last].at.Sub(answers[first].at)
}

func (r *Readiness) from(since time.Time) int {
	i, _ := slices.BinarySearchFunc(r.answers, since, func(a answer, t time.Time) int { return a.at.Compare(t) })
	return i
}

// WaitReady waits until it has been ready all the time for so long.
func (r *Readiness) WaitReady(ctx context.Context, steady time.Duration) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if r.steady() >= steady {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", r.url, ctx.Err())
		case <-tick.C:
		}
	}
}

// steady is for how long it has been ready.
func (r *Readiness) steady() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, a := range slices.Backward(r.answers) {
		if !a.ready {
			if i == len(r.answers)-1 {
				return 0
			}
			return time.Since(r.answers[i+1].at)
		}
	}
	if len(r.answers) == 0 {
		return 0
	}
	return time.Since(r.answers[0].at)
}
