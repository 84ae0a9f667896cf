package kubelet

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// Restart ends when another kubelet is healthy, and not before.
func TestRestart(t *testing.T) {
	t.Parallel()
	address, asked := healthz(t, 2)
	for name, tc := range map[string]struct {
		set func(*testing.T, proc)
		end func(*testing.T, proc, int) // what becomes of the kubelet
	}{
		"another process": {
			func(t *testing.T, p proc) { p.process(t, 42, "kubelet", "S", 1000) },
			func(t *testing.T, p proc, pid int) { p.end(t, pid); p.process(t, 43, "kubelet", "S", 99000) },
		},
		"another process of the same number": {
			func(t *testing.T, p proc) { p.process(t, 42, "kubelet", "S", 1000) },
			func(t *testing.T, p proc, pid int) { p.end(t, pid); p.process(t, 42, "kubelet", "S", 99000) },
		},
		"the old one waits for its parent": {
			func(t *testing.T, p proc) { p.process(t, 42, "kubelet", "S", 1000) },
			func(t *testing.T, p proc, pid int) {
				p.end(t, pid)
				p.process(t, 42, "kubelet", "Z", 1000)
				p.process(t, 43, "kubelet", "S", 99000)
			},
		},
		"none was there": {
			func(*testing.T, proc) {},
			func(t *testing.T, p proc, pid int) {
				if pid != 0 {
					t.Errorf("process %d should end", pid)
				}
				p.process(t, 43, "kubelet", "S", 99000)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProc(t)
			tc.set(t, p)
			must(t, restart(t.Context(), string(p), func(_ context.Context, pid int) error { tc.end(t, p, pid); return nil }, address))
		})
	}
	if asked.Load() != 2+4 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestRestartFails(t *testing.T) {
	t.Parallel()
	well, asked := healthz(t, 0)
	ill, _ := healthz(t, 1<<40)
	refused := errors.New("unit not found")
	for name, tc := range map[string]struct {
		address string
		end     func(*testing.T, proc) error
		want    error
		says    string
	}{
		"does not end":     {well, func(*testing.T, proc) error { return nil }, context.DeadlineExceeded, "process 42 has not ended"},
		"does not come":    {well, func(t *testing.T, p proc) error { p.end(t, 42); return nil }, ErrNotRunning, ""},
		"cannot be ended":  {well, func(*testing.T, proc) error { return refused }, refused, ""},
		"comes and is ill": {ill, func(t *testing.T, p proc) error { p.end(t, 42); p.process(t, 43, "kubelet", "S", 99000); return nil }, ErrUnhealthy, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProc(t)
			p.process(t, 42, "kubelet", "S", 1000)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			err := restart(ctx, string(p), func(context.Context, int) error { return tc.end(t, p) }, tc.address)
			if !errors.Is(err, ErrRestart) || !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Cleanup(func() {
		if asked.Load() > 0 {
			t.Error("the old kubelet was asked how it does")
		}
	})
}
