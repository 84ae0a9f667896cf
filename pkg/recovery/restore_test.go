package recovery_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/recovery"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// outcomes are how the nodes have ended.
func (w *world) outcomes() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var words []string
	for _, n := range w.nodes {
		word := n.outcome
		switch {
		case word == "" && n.run == "":
			word = "none"
		case word == "":
			word = "open"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

const (
	allComplete = "complete, complete, complete"
	allBack     = "rolled back, rolled back, rolled back"
)

// at does something as soon as a node is at a step.
func at(node, step string, do func()) func(recovery.Status) {
	done := false
	return func(s recovery.Status) {
		if !done && s.Node == node && s.Phase+"/"+s.Step == step && s.Event == "intent" {
			done = true
			do()
		}
	}
}

// hint is the next step that an error names.
func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// TestRestore: whatever fails on one node, and wherever, all come to the same end.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set      func(*world)
		want     error
		says     string
		outcomes string
	}{
		"all well":               {func(*world) {}, nil, "", allComplete},
		"stage fails on one":     {func(w *world) { w.node("cp2").fail["stage/data"] = "disk full" }, recovery.ErrNothingStopped, "disk full", allBack},
		"stop fails on one":      {func(w *world) { w.node("cp2").fail["stop/manifests"] = "container hangs" }, workflow.ErrRolledBack, "container hangs", allBack},
		"start fails on one":     {func(w *world) { w.node("cp3").fail["start/etcd"] = "no quorum" }, workflow.ErrRolledBack, "no quorum", allBack},
		"verify fails on one":    {func(w *world) { w.node("cp3").fail["verify/ready"] = "API server not ready" }, workflow.ErrStuck, "API server not ready", "complete, complete, open"},
		"killed while staging":   {func(w *world) { w.node("cp1").kill = "stage/data" }, recovery.ErrNothingStopped, "its process is gone", allBack},
		"killed while stopping":  {func(w *world) { w.node("cp1").kill = "stop/manifests" }, nil, "", allComplete},
		"killed while verifying": {func(w *world) { w.node("cp1").kill = "verify/ready" }, nil, "", allComplete},
		"refused with the snapshot at hand": {func(w *world) {
			w.node("cp2").refuse = &transport.ExitError{Node: "cp2", Code: 5, Message: "snapshot is corrupt"}
		}, recovery.ErrNothingStopped, "snapshot is corrupt", "none, none, none"},
		"go does not get through": {func(w *world) { w.node("cp2").deaf["go"] = true }, workflow.ErrRolledBack, "could be told to go on", allBack},
		"one is out of reach":     {func(w *world) { w.node("cp2").down = true }, recovery.ErrNothingStopped, "no connection", "none, none, none"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := testPlan(t)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("cp1", "cp2", "cp3")
				tc.set(w)
				_, err := recovery.Restore(t.Context(), plan, w.ways(), testOptions(&progress{}))
				if !errors.Is(err, tc.want) || err != nil && !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
				if got := w.outcomes(); got != tc.outcomes {
					t.Errorf("nodes are %s, want %s", got, tc.outcomes)
				}
				if err != nil && hint(err) == "" {
					t.Error("no next step")
				}
				w.settle(t)
			})
		})
	}
}

// settle waits until no node is at work any more.
func (w *world) settle(t *testing.T) {
	t.Helper()
	err := w.await(t.Context(), func() bool { return !slices.ContainsFunc(w.nodes, func(n *node) bool { return n.working }) })
	if err != nil {
		t.Fatal(err)
	}
}

// TestConnectionLost: in whatever phase a connection breaks, the journal tells afterwards
// what was missed, and the end is the same.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	for _, step := range steps[1:] {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			plan := testPlan(t)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("cp1", "cp2", "cp3")
				p := &progress{}
				p.on = at("cp2", step, func() {
					w.node("cp2").Cut()
					time.AfterFunc(10*time.Second, w.node("cp2").Mend)
				})
				r, err := recovery.Restore(t.Context(), plan, w.ways(), testOptions(p))
				if err != nil || w.outcomes() != allComplete {
					t.Errorf("nodes are %s: %v", w.outcomes(), err)
				}
				if r != nil && !slices.ContainsFunc(r.Nodes, func(s recovery.Status) bool { return s.Node == "cp2" && s.Outcome == "complete" }) {
					t.Errorf("cp2 is not known to be complete: %+v", r.Nodes)
				}
			})
		})
	}
}

// TestAllLost: through the API server all nodes are lost while it is stopped, and found
// again one after the other: none is given up meanwhile.
func TestAllLost(t *testing.T) {
	t.Parallel()
	plan := testPlan(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("cp1", "cp2", "cp3")
		p := &progress{}
		p.on = at("cp2", "stop/others", func() {
			for i, n := range w.nodes {
				n.Cut()
				time.AfterFunc(3*time.Minute+time.Duration(i)*50*time.Second, n.Mend)
			}
		})
		if _, err := recovery.Restore(t.Context(), plan, w.ways(), testOptions(p)); err != nil || w.outcomes() != allComplete {
			t.Errorf("nodes are %s: %v", w.outcomes(), err)
		}
	})
}

// TestLostForGood: a node that is never heard of again is not waited for longer than the
// others need.
func TestLostForGood(t *testing.T) {
	t.Parallel()
	plan := testPlan(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorld("cp1", "cp2", "cp3")
		p := &progress{}
		p.on = at("cp2", "verify/ready", func() { w.node("cp2").Cut() })
		begun := time.Now()
		_, err := recovery.Restore(t.Context(), plan, w.ways(), testOptions(p))
		if !errors.Is(err, workflow.ErrStuck) || !strings.Contains(err.Error(), "cp2 is unfinished at verify/ready, and not heard of") {
			t.Errorf("error %v", err)
		}
		if want := "go on: etcd-restore resume " + testID; hint(err) != want {
			t.Errorf("next step %q, want %q", hint(err), want)
		}
		if took := time.Since(begun); took > 2*time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// TestInterrupt: Ctrl-C before the word takes all back; behind it the nodes go on.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		node, step string
		want       error
		outcomes   string
	}{
		"while staging":   {"cp1", "stage/data", recovery.ErrNothingStopped, allBack},
		"while one waits": {"cp1", "stage/go", recovery.ErrNothingStopped, allBack},
		"while stopping":  {"cp1", "stop/manifests", recovery.ErrLeft, allComplete},
		"while verifying": {"cp3", "verify/ready", recovery.ErrLeft, allComplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := testPlan(t)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("cp1", "cp2", "cp3")
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				p := &progress{on: at(tc.node, tc.step, stop)}
				_, err := recovery.Restore(ctx, plan, w.ways(), testOptions(p))
				if !errors.Is(err, tc.want) || !errors.Is(err, context.Canceled) {
					t.Errorf("error %v, want %v", err, tc.want)
				}
				if errors.Is(err, recovery.ErrLeft) && !strings.Contains(hint(err), "etcd-restore resume "+testID) {
					t.Errorf("next step %q", hint(err))
				}
				w.settle(t)
				if got := w.outcomes(); got != tc.outcomes {
					t.Errorf("nodes are %s, want %s", got, tc.outcomes)
				}
			})
		})
	}
}

// hooks fail where they are told to.
type hooks struct {
	fail  string
	fired []string
}

func (h *hooks) Fire(_ context.Context, when string) error {
	h.fired = append(h.fired, when)
	if when == h.fail {
		return recovery.ErrHook
	}
	return nil
}

// TestHooks: all are run in order; those before the stop can still say no.
func TestHooks(t *testing.T) {
	t.Parallel()
	for fail, want := range map[string]error{
		"": nil, "before-stage": recovery.ErrNothingStopped, "after-stage": recovery.ErrNothingStopped, "before-stop": recovery.ErrNothingStopped,
		"after-stop": nil, "after-post-restore": nil,
	} {
		t.Run("fails "+fail, func(t *testing.T) {
			t.Parallel()
			plan := testPlan(t)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("cp1", "cp2", "cp3")
				o := testOptions(&progress{})
				h := &hooks{fail: fail}
				o.Hooks = h
				_, err := recovery.Restore(t.Context(), plan, w.ways(), o)
				if !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
				if want != nil {
					if h.fired[len(h.fired)-1] != fail {
						t.Errorf("fired %q", h.fired)
					}
					return
				}
				var all []string
				for _, phase := range recovery.Phases() {
					all = append(all, "before-"+phase, "after-"+phase)
				}
				if got := slices.DeleteFunc(h.fired, func(s string) bool { return s == "before-" }); !slices.Equal(got, all) {
					t.Errorf("fired %q, want %q", got, all)
				}
			})
		})
	}
}

// TestNoRun: a node on which no run comes about, because another workstation was faster
// say, is not waited for, and not said to give up what it never had.
func TestNoRun(t *testing.T) {
	t.Parallel()
	const busy = "another process is at work"
	for name, tc := range map[string]struct {
		set      func(*world)
		says     string
		next     string
		outcomes string
	}{
		"on one":            {func(w *world) { w.node("cp1").busy = busy }, "cp1: no run was made: " + busy, "etcd-restore status", "none, rolled back, rolled back"},
		"on two":            {func(w *world) { w.node("cp2").busy, w.node("cp3").busy = busy, busy }, ": no run was made: " + busy, "etcd-restore status", "rolled back, none, none"},
		"on two, one later": {func(w *world) { w.node("cp2").busy, w.node("cp3").busy, w.node("cp3").late = busy, busy, 5*time.Second }, busy, "etcd-restore status", "rolled back, none, none"},
		"it does not start": {func(w *world) {
			w.node("cp2").dead = &transport.ExitError{Node: "cp2", Code: 1, Message: "it ended at once"}
		}, "it ended at once", "mend the cause and run it again", "rolled back, none, rolled back"},
		"who knows on one": {func(w *world) { w.node("cp2").dead = transport.ErrConnection }, "no connection", "cp2 could not be told so: what may have begun there", "rolled back, none, rolled back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := testPlan(t)
			synctest.Test(t, func(t *testing.T) {
				w := newWorld("cp1", "cp2", "cp3")
				tc.set(w)
				begun := time.Now()
				_, err := recovery.Restore(t.Context(), plan, w.ways(), testOptions(&progress{}))
				if !errors.Is(err, recovery.ErrNothingStopped) || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("error %v, want %q", err, tc.says)
				}
				if next := hint(err); !strings.Contains(next, tc.next) {
					t.Errorf("next step %q, want %q", next, tc.next)
				}
				if took := time.Since(begun); !strings.Contains(tc.next, "could not be told") && took > 20*time.Second {
					t.Errorf("it took %s", took)
				}
				if got := w.outcomes(); got != tc.outcomes {
					t.Errorf("nodes are %s, want %s", got, tc.outcomes)
				}
				w.settle(t)
			})
		})
	}
}
