package probe

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestDowntime(t *testing.T) {
	t.Parallel()
	zero := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		pattern string // an answer a second: + ready, - not
		since   int
		want    int
	}{
		"never":             {"+++++", 0, 0},
		"once":              {"++---+++", 0, 3},
		"one answer":        {"+-+", 0, 1},
		"twice, as one":     {"+--+-+", 0, 4},
		"from the start":    {"--++", 0, 2},
		"not back yet":      {"++--", 0, 1},
		"all the time":      {"---", 0, 2},
		"only later ones":   {"--++-+", 2, 1},
		"nothing asked":     {"", 0, 0},
		"nothing since":     {"--", 9, 0},
		"begins in the gap": {"+----+", 3, 2},
	} {
		r := &Readiness{}
		for i, c := range tc.pattern {
			r.answers = append(r.answers, answer{zero.Add(time.Duration(i) * time.Second), c == '+'})
		}
		if got := r.Downtime(zero.Add(time.Duration(tc.since) * time.Second)); got != time.Duration(tc.want)*time.Second {
			t.Errorf("%s: %v, want %d s", name, got, tc.want)
		}
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	var ready atomic.Bool
	asked := make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := ready.Load()
		if !now {
			w.WriteHeader(http.StatusInternalServerError)
		}
		select {
		case asked <- now:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	r, err := Watch(t.Context(), &rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	<-asked
	ready.Store(true)
	go func() {
		for range asked { // let it ask
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := r.WaitReady(ctx, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if down := r.Downtime(time.Time{}); !r.Now() || down <= 0 || down > time.Since(began) {
		t.Errorf("ready: %v, down for %v", r.Now(), down)
	}
	r.Close()
	server.Close()
	close(asked)
}
