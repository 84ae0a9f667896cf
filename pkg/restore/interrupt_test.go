package restore_test

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/restore"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Invariant I2: interrupted at whatever boundary, a restore leaves nothing, or,
// once it publishes, everything.
func TestInterruptedAtEveryBoundary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]crashCase{
		"all members, parent stands": {members: 3, parent: true, existing: true},
		"separate log, both exist":   {members: 1, wal: true, existing: true},
		"compact":                    {members: 1, compact: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snapshot := tinySnapshot(t)
			cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37, Size: tc.members})
			interrupted := 0
			for n := int32(1); ; n++ {
				j := tc.prepare(t, snapshot, cluster)
				cfg, err := j.config()
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var met atomic.Int32
				cfg.FS = durable.FS{Boundary: func(string, string) {
					if met.Add(1) == n {
						cancel()
					}
				}}
				_, err = restore.Run(ctx, cfg)
				cancel()
				s, left := survey(t, j), parts(t, j)
				switch {
				case left > 0:
					t.Errorf("%d parts left", left)
				case errors.Is(err, context.Canceled) && s == standing{}:
					interrupted++
				case err == nil && s.complete == len(j.Targets):
				default:
					t.Errorf("%v, but %+v stands", err, s)
				}
				if t.Failed() {
					t.Fatalf("interrupted at boundary %d", n)
				}
				if met.Load() < n {
					break
				}
			}
			if interrupted < 10 {
				t.Errorf("only %d runs ended early", interrupted)
			}
		})
	}
}

// A stream that gives nothing does not keep an interrupted restore waiting.
func TestInterruptedWhileTheStreamIsSilent(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(tinySnapshot(t))
	if err != nil {
		t.Fatal(err)
	}
	cluster := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	for _, first := range []int{0, 2, 100_000, len(whole)} {
		for _, compact := range []bool{false, true} {
			j := crashCase{members: 1, compact: compact}.prepare(t, "the stream", cluster)
			cfg, err := j.config()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			out, in := io.Pipe()
			cfg.Stream = out
			go func() {
				_, _ = in.Write(whole[:first]) // and then nothing, not even an end
				cancel()
			}()
			if _, err := restore.Run(ctx, cfg); !errors.Is(err, context.Canceled) {
				t.Errorf("after %d bytes: %v", first, err)
			}
			if s, left := survey(t, j), parts(t, j); s.complete > 0 || left > 0 {
				t.Errorf("after %d bytes: %+v stands, %d parts left", first, s, left)
			}
			in.Close()
		}
	}
}
