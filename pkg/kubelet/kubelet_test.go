package kubelet

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// healthz is a health port that fails so many times first, and then is well. It
// returns the address and the number of questions.
func healthz(t *testing.T, failures int64) (string, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			http.NotFound(w, r)
		} else if asked.Add(1) <= failures {
			http.Error(w, "[-]syncloop failed", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://"), &asked
}

// nobody is an address where nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(nil)
	server.Close()
	return strings.TrimPrefix(server.URL, "http://")
}

func TestFind(t *testing.T) {
	t.Parallel()
	const old, fresh = 1000, 99950 // ticks; the machine is up for 1000 s
	well, _ := healthz(t, 0)
	ill, _ := healthz(t, 1<<40)
	for name, tc := range map[string]struct {
		ticks   int
		address string
		healthy bool
		says    string
	}{
		"well":              {old, well, true, ""},
		"ill":               {old, ill, false, "syncloop failed"},
		"no health port":    {old, nobody(t), false, "refused"},
		"no address":        {old, "nowhere:x:y", false, ""},
		"young and well":    {fresh, well, true, ""},
		"young, never well": {fresh, ill, false, "syncloop failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProc(t)
			p.process(t, 42, "kubelet", "S", tc.ticks)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			s, err := look(ctx, string(p), tc.address)
			must(t, err)
			if s.PID != 42 || (s.Healthy == nil) != tc.healthy {
				t.Fatalf("got %+v", s)
			}
			if !tc.healthy && (!errors.Is(s.Healthy, ErrUnhealthy) || !strings.Contains(s.Healthy.Error(), tc.says) && ctx.Err() == nil) {
				t.Errorf("got %v", s.Healthy)
			}
		})
	}
}

// One that has only just started is asked again, one that is old is not.
func TestYoung(t *testing.T) {
	t.Parallel()
	p := newProc(t)
	p.process(t, 42, "kubelet", "S", 99950)
	address, asked := healthz(t, 3)
	s, err := look(t.Context(), string(p), address)
	must(t, err)
	if s.Healthy != nil || asked.Load() != 4 {
		t.Errorf("asked %d times: %v", asked.Load(), s.Healthy)
	}
	p.end(t, 42)
	p.process(t, 43, "kubelet", "S", 1000)
	address, asked = healthz(t, 3)
	if s, err = look(t.Context(), string(p), address); err != nil || s.Healthy == nil || asked.Load() != 1 {
		t.Errorf("asked %d times: %v, %v", asked.Load(), s.Healthy, err)
	}
}

func TestFindNone(t *testing.T) {
	t.Parallel()
	if _, err := look(t.Context(), string(newProc(t)), nobody(t)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}
