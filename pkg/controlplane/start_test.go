package controlplane_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
)

// stopped is a machine whose pods have been halted.
func stopped(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t)
	m.boot(t)
	must(t, m.TakeOut(all()...))
	must(t, m.Halt(t.Context(), all()...))
	return m
}

// Start brings the pods up whatever the kubelet does, and starts it again only as the
// last resort.
func TestStart(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set      func(*machine)
		restarts int
		atMost   time.Duration
	}{
		"all is well":                  {func(*machine) {}, 0, time.Second},
		"needs the manifest twice":     {func(m *machine) { m.blind[controlplane.Etcd] = 1 }, 0, 5 * time.Second},
		"two need it twice":            {func(m *machine) { m.blind[controlplane.Etcd], m.blind["kube-apiserver"] = 1, 1 }, 0, 10 * time.Second},
		"needs a restart":              {func(m *machine) { m.blind[controlplane.Etcd] = 1 << 30 }, 1, 8 * time.Second},
		"takes no changed manifest":    {func(m *machine) { m.stubborn = true }, 1, 8 * time.Second},
		"runtime away for a while":     {func(m *machine) { m.down = errors.New("no answer") }, 0, 3 * time.Second},
		"container long after sandbox": {func(m *machine) { m.hollow[controlplane.Etcd] = true }, 0, 22 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := stopped(t)
				must(t, os.WriteFile(filepath.Join(m.Parked, "etcd.yaml"), []byte("changed"), 0o600))
				m.set(func() { tc.set(m) })
				time.AfterFunc(2*time.Second, func() { m.set(func() { m.down = nil }) })
				time.AfterFunc(20*time.Second, func() {
					m.set(func() {
						if m.hollow[controlplane.Etcd] {
							m.fill(controlplane.Etcd)
						}
					})
				})
				begun := time.Now()
				must(t, m.Start(t.Context(), pod(controlplane.Etcd), pod("kube-apiserver"), pod("kube-scheduler")))
				if took := time.Since(begun); took > tc.atMost {
					t.Errorf("it took %s, more than %s", took, tc.atMost)
				}
				if diff := cmp.Diff([]string{"etcd", "kube-apiserver", "kube-scheduler"}, m.running()); diff != "" {
					t.Error(diff)
				}
				if got := m.happened("restart"); got != tc.restarts {
					t.Errorf("the kubelet was started again %d times, want %d", got, tc.restarts)
				}
				m.well(t)
			})
		})
	}
}

// A node that is so busy that a sandbox takes its time: what Start says runs goes on to
// run. A pod whose manifest was taken out meanwhile is ended once it runs, and an API
// server takes half a minute for that.
func TestStartOnABusyNode(t *testing.T) {
	t.Parallel()
	for _, loaded := range []time.Duration{2500 * time.Millisecond, 3 * time.Second, 5 * time.Second, 20 * time.Second} {
		for _, behind := range []time.Duration{0, 2 * time.Second, 3200 * time.Millisecond, 4 * time.Second} {
			t.Run(loaded.String()+" and "+behind.String(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					m := stopped(t)
					m.set(func() { m.loaded, m.behind, m.tough["kube-apiserver"] = loaded, behind, true })
					must(t, m.Start(t.Context(), pod("kube-apiserver"), pod("kube-scheduler")))
					time.Sleep(time.Minute)
					if diff := cmp.Diff([]string{"kube-apiserver", "kube-scheduler"}, m.running()); diff != "" {
						t.Error(diff)
					}
					if got := m.happened("restart"); got != 0 {
						t.Errorf("the kubelet was started again %d times", got)
					}
					if got := m.happened("start kube-apiserver"); behind == 0 && got != 2 {
						t.Errorf("the API server was started %d times, not once before and once again", got)
					}
					m.well(t)
				})
			})
		}
	}
}

// What runs already is left alone.
func TestStartTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := stopped(t)
		must(t, m.Start(t.Context(), all()...))
		before := m.happened("start etcd")
		must(t, m.Start(t.Context(), all()...))
		if after := m.happened("start etcd"); after != before {
			t.Errorf("etcd was started %d times more", after-before)
		}
	})
}

// Every wait ends.
func TestStartEnds(t *testing.T) {
	t.Parallel()
	down, broken := errors.New("no answer"), errors.New("the kubelet did not start again")
	for name, tc := range map[string]struct {
		set  func(*machine)
		want error
	}{
		"runtime down":                  {func(m *machine) { m.down = down }, down},
		"kubelet does not come again":   {func(m *machine) { m.blind[controlplane.Etcd], m.broken = 1<<30, broken }, broken},
		"a sandbox without a container": {func(m *machine) { m.hollow[controlplane.Etcd] = true }, controlplane.ErrNotStarted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := stopped(t)
				m.set(func() { tc.set(m) })
				begun := time.Now()
				err := m.Start(t.Context(), pod(controlplane.Etcd))
				if !errors.Is(err, tc.want) || !errors.Is(err, controlplane.ErrNotStarted) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				if in, err := m.Where(pod(controlplane.Etcd)); !in || err != nil {
					t.Errorf("the manifest is in: %t, %v", in, err)
				}
				if took := time.Since(begun); took > 40*time.Second {
					t.Errorf("it took %s", took)
				}
				m.well(t)
			})
		})
	}
}

// A context that ends at any moment leaves the manifest in or out, never neither or
// both, and Start goes on from there.
func TestStartCancelled(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, time.Second, 3100 * time.Millisecond, 3300 * time.Millisecond, 5 * time.Second, 7 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := stopped(t)
				m.set(func() { m.blind[controlplane.Etcd], m.broken = 1<<30, errors.New("no") })
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				if err := m.Start(ctx, pod(controlplane.Etcd)); err == nil {
					t.Fatal("it started")
				}
				if _, err := m.Where(pod(controlplane.Etcd)); err != nil {
					t.Error(err)
				}
				m.set(func() { m.broken = nil })
				must(t, m.Start(t.Context(), pod(controlplane.Etcd)))
				m.well(t)
			})
		})
	}
}
