package controlplane_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/cri"
)

// Whatever the kubelet and the runtime do, Halt leaves nothing of the pods in the
// runtime, soon, and the kubelet is started again only where it has to be.
func TestHalt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set      func(*machine)
		restarts int
		atMost   time.Duration
	}{
		"all is well":          {func(*machine) {}, 0, 2 * time.Second},
		"slow to let go":       {func(m *machine) { m.letsGo = 4 * time.Second }, 0, 6 * time.Second},
		"never lets go":        {func(m *machine) { m.letsGo = time.Hour }, 1, 8 * time.Second},
		"deaf":                 {func(m *machine) { m.deaf = true }, 1, 8 * time.Second},
		"starts one once more": {func(m *machine) { m.again[controlplane.Etcd] = 1 }, 0, 4 * time.Second},
		"starts all once more": {func(m *machine) {
			m.again["kube-apiserver"], m.again["kube-scheduler"], m.again[controlplane.Etcd] = 2, 1, 3
		}, 0, 6 * time.Second},
		"removal refused for a while":   {func(m *machine) { m.refusals["kube-apiserver"] = 20 }, 0, 4 * time.Second},
		"SIGTERM does not impress":      {func(m *machine) { m.tough["kube-apiserver"] = true }, 0, 5 * time.Second},
		"both, at the same time":        {func(m *machine) { m.tough["kube-apiserver"], m.refusals["kube-scheduler"] = true, 60 }, 0, 7 * time.Second},
		"a sandbox without a container": {func(m *machine) { m.hollow[controlplane.Etcd] = true }, 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				tc.set(m)
				m.boot(t)
				begun := time.Now()
				must(t, m.TakeOut(all()...))
				must(t, m.Halt(t.Context(), all()...))
				if took := time.Since(begun); took > tc.atMost {
					t.Errorf("it took %s, more than %s", took, tc.atMost)
				}
				left, err := m.Find(t.Context(), all()...)
				must(t, err)
				if len(left) > 0 {
					t.Errorf("left: %+v", left)
				}
				if got := m.happened("restart"); got != tc.restarts {
					t.Errorf("the kubelet was started again %d times, want %d", got, tc.restarts)
				}
				m.well(t)
			})
		})
	}
}

// A kubelet that does not let go of a pod can start it once more, long after the last
// look: a restart at that moment would keep the container for ever.
func TestHaltLooksBeforeTheRestart(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]time.Duration{"before the restart": 5 * time.Second, "before it lets go": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				m.boot(t)
				must(t, m.TakeOut(all()...))
				m.set(func() { m.deaf = true })
				uid := ""
				for _, p := range m.pods {
					if componentOf(p) == controlplane.Etcd {
						uid = p.UID
					}
				}
				time.AfterFunc(late, func() {
					m.set(func() {
						m.start(uid, controlplane.Etcd)
						m.deaf = late > time.Second
					})
				})
				must(t, m.Halt(t.Context(), all()...))
				if running := m.running(); len(running) > 0 {
					t.Errorf("%v run", running)
				}
				m.well(t)
			})
		})
	}
}

// A manifest that was in for a moment: a kubelet that is behind makes a pod of it when it
// is out again.
func TestHaltBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.boot(t)
		must(t, m.TakeOut(all()...))
		must(t, m.Halt(t.Context(), all()...))
		m.set(func() { m.behind, m.deaf = 300*time.Millisecond, true })
		time.AfterFunc(2*time.Second, func() { m.set(func() { m.deaf = false }) })
		must(t, m.PutIn(pod(controlplane.Etcd)))
		time.Sleep(50 * time.Millisecond)
		must(t, m.TakeOut(all()...))
		must(t, m.Halt(t.Context(), all()...))
		if running := m.running(); len(running) > 0 {
			t.Errorf("%v run", running)
		}
		if got := m.happened("start etcd"); got != 2 {
			t.Errorf("etcd was started %d times, not 2", got)
		}
		m.well(t)
	})
}

// What a kubelet that is behind starts after Halt is stopped before the proof (I6); what
// comes back for ever is no proof.
func TestProveStopped(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set  func(*machine)
		want error
	}{
		"stopped":        {func(*machine) {}, nil},
		"started late":   {func(m *machine) { m.start("late", controlplane.Etcd) }, nil},
		"never lets go":  {func(m *machine) { m.start("late", controlplane.Etcd); m.refusals[controlplane.Etcd] = 1 << 30 }, controlplane.ErrNotStopped},
		"runtime silent": {func(m *machine) { m.down = errDown }, errDown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := stopped(t)
				m.set(func() { tc.set(m) })
				if name == "started late" {
					if err := m.Stopped(t.Context(), all()...); !errors.Is(err, controlplane.ErrNotStopped) {
						t.Errorf("it says %v of what runs", err)
					}
				}
				if err := m.ProveStopped(t.Context(), all()...); !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				if running := m.running(); len(running) > 0 {
					t.Errorf("%v run", running)
				}
				m.well(t)
			})
		})
	}
}

var errDown = errors.New("no answer")

// Etcd is stopped when its clients are gone, and the clients all at once.
func TestHaltOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.deaf = true // so that all is done through the runtime
		m.tough["kube-apiserver"], m.tough["kube-scheduler"] = true, true
		m.boot(t)
		must(t, m.TakeOut(all()...))
		begun := time.Now()
		must(t, m.Halt(t.Context(), pod(controlplane.Etcd), pod("kube-apiserver"), pod("kube-scheduler")))
		var stops []string
		for _, l := range m.log {
			if l == "stop etcd" || l == "stop kube-apiserver" || l == "stop kube-scheduler" {
				stops = append(stops, l)
			}
		}
		if len(stops) != 3 || stops[2] != "stop etcd" {
			t.Errorf("stopped in the order %v", stops)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		m.well(t)
	})
}

// What is named alike is somebody else's.
func TestHaltTouchesNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		container := func(name string) []cri.Container { return []cri.Container{{Name: name, State: cri.Running}} }
		strangers := []cri.Pod{
			{ID: "1", Name: "etcd-backup-xyz", Namespace: "kube-system", Ready: true, Containers: container("etcd")},                // from the API
			{ID: "2", Name: "etcd-foo-cp1", Namespace: "kube-system", Static: true, Ready: true, Containers: container("etcd-foo")}, // another component
			{ID: "3", Name: "etcd-cp1", Namespace: "other", Static: true, Ready: true, Containers: container("etcd")},
			{ID: "4", Name: "etcdbackup-cp1", Namespace: "kube-system", Static: true, Ready: true, Containers: container("etcd")},
			{ID: "5", Name: "etcd", Namespace: "kube-system", Static: true, Ready: true, Containers: container("etcd")},
		}
		for _, p := range strangers {
			m.add(p)
		}
		// Folders of pods that the kubelet holds and that are none of ours.
		for _, dir := range []string{"0f5a-api-pod/containers/etcd", "aaaa/containers/etcd-foo", "bbbb", "cccc/volumes"} {
			must(t, os.MkdirAll(filepath.Join(m.PodDirs, dir), 0o700))
		}
		m.boot(t)
		must(t, m.TakeOut(all()...))
		must(t, m.Halt(t.Context(), all()...))
		if diff := cmp.Diff(strangers, m.pods); diff != "" {
			t.Error(diff)
		}
		if m.happened("restart") > 0 {
			t.Error("the kubelet was started again because of a folder that is none of ours")
		}
	})
}

// Where the manifest is in, what is stopped would come back.
func TestHaltRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.boot(t)
		must(t, m.TakeOut(pod("kube-apiserver")))
		if err := m.Halt(t.Context(), all()...); !errors.Is(err, controlplane.ErrManifest) {
			t.Errorf("got %v", err)
		}
		if m.happened("stop etcd")+m.happened("stop kube-scheduler") > 0 {
			t.Errorf("something was stopped: %v", m.log)
		}
	})
}

// Every wait ends, with a word about what is in the way.
func TestHaltEnds(t *testing.T) {
	t.Parallel()
	down, broken := errors.New("no answer"), errors.New("the kubelet did not start again")
	for name, tc := range map[string]struct {
		set    func(*machine)
		want   error
		atMost time.Duration
	}{
		"runtime down":                {func(m *machine) { m.down = down }, down, 25 * time.Second},
		"removal refused for ever":    {func(m *machine) { m.refusals["kube-apiserver"] = 1 << 30 }, controlplane.ErrRunning, 25 * time.Second},
		"etcd comes back for ever":    {func(m *machine) { m.again[controlplane.Etcd] = 1 << 30 }, controlplane.ErrRunning, 50 * time.Second},
		"kubelet does not come again": {func(m *machine) { m.deaf, m.broken = true, broken }, broken, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				m.boot(t)
				m.set(func() { tc.set(m) })
				must(t, m.TakeOut(all()...))
				begun := time.Now()
				if err := m.Halt(t.Context(), all()...); !errors.Is(err, tc.want) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
				if took := time.Since(begun); took > tc.atMost {
					t.Errorf("it took %s", took)
				}
				m.well(t)
			})
		})
	}
}

// A pod that cannot be removed does not keep the others alive: each has its grace
// period, and after it SIGKILL.
func TestHaltStopsTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.deaf = true // so that all is done through the runtime
		m.tough["kube-apiserver"], m.refusals["kube-scheduler"] = true, 1<<30
		m.boot(t)
		must(t, m.TakeOut(all()...))
		if err := m.Halt(t.Context(), all()...); !errors.Is(err, controlplane.ErrRunning) {
			t.Errorf("got %v", err)
		}
		if running := m.running(); len(running) > 0 {
			t.Errorf("%v run", running)
		}
	})
}

// A context that ends is obeyed at any moment.
func TestHaltCancelled(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{0, 30 * time.Millisecond, time.Second, 3 * time.Second, 6 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				m.deaf, m.tough[controlplane.Etcd] = true, true
				m.boot(t)
				must(t, m.TakeOut(all()...))
				ctx, cancel := context.WithTimeout(t.Context(), after)
				defer cancel()
				begun := time.Now()
				err := m.Halt(ctx, all()...)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
				if took := time.Since(begun); took > after+100*time.Millisecond {
					t.Errorf("it took %s more", took-after)
				}
				must(t, m.Halt(t.Context(), all()...)) // and goes on
				if running := m.running(); len(running) > 0 {
					t.Errorf("%v run", running)
				}
				m.well(t)
			})
		})
	}
}

// A node whose kubelet has no folder of pods holds none.
func TestHaltWithoutPodDirs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		must(t, os.Remove(m.PodDirs))
		must(t, m.TakeOut(all()...))
		must(t, m.Halt(t.Context(), all()...))
		if slices.Contains(m.log, "restart") {
			t.Error("the kubelet was started again")
		}
	})
}
