package noderestore

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// held is a machine whose run waits for a word, and the folder of the run.
func held(t *testing.T, seconds int64) (*machine, string) {
	t.Helper()
	w := newWorld(t, "kubeadm-1.37.yaml", single)
	plan := w.plan(t, ModeManifest)
	plan.HoldSeconds = seconds
	m := w.machine(t, plan)
	return m, filepath.Dir(m.run.Dir())
}

// stages goes through the phase that stages.
func (m *machine) stages(t *testing.T) error {
	t.Helper()
	return workflow.Run(t.Context(), m.run, m.phases()[:1], workflow.Options{})
}

func TestHold(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		seconds int64
		words   []journal.Word
		want    error
		outcome journal.Outcome
	}{
		"nobody says anything":  {1, nil, ErrHeld, journal.RolledBack},
		"go":                    {3600, []journal.Word{journal.Go}, nil, journal.Complete},
		"abort":                 {3600, []journal.Word{journal.Abort}, ErrToldBack, journal.RolledBack},
		"abort outranks go":     {3600, []journal.Word{journal.Go, journal.Abort}, ErrToldBack, journal.RolledBack},
		"there is no such step": {0, nil, nil, journal.Complete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, folder := held(t, tc.seconds)
			for _, word := range tc.words {
				must(t, journal.Tell(folder, m.run.Name, word))
			}
			err := m.stages(t)
			if state := m.run.State(); !errors.Is(err, tc.want) || state.Outcome != tc.outcome {
				t.Errorf("%v; %+v", err, state)
			}
			if there, _ := m.staged(t.Context()); there != (tc.outcome == journal.Complete) {
				t.Errorf("staged: %t", there)
			}
		})
	}
}

// A wait that was interrupted ends when it would have ended.
func TestHoldResumed(t *testing.T) {
	t.Parallel()
	m, _ := held(t, 60)
	past, err := journal.Open(filepath.Join(t.TempDir(), "runs"), journal.Options{Now: func() time.Time { return time.Now().Add(-time.Minute) }})
	must(t, err)
	defer past.Close()
	m.run, err = past.Create(m.run.Plan())
	must(t, err)
	defer m.run.Close()
	must(t, m.run.Intent("stage/go"))
	if err := m.awaitGo(t.Context()); !errors.Is(err, ErrHeld) {
		t.Errorf("got %v", err)
	}
}

// What is under way when somebody says so ends, and the error says why; behind the
// commit point nobody listens.
func TestHeed(t *testing.T) {
	t.Parallel()
	m, folder := held(t, 0)
	forEver := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	told := make(chan error, 1)
	go func() { told <- journal.Tell(folder, m.run.Name, journal.Abort) }()
	if err := m.heed(t.Context(), forEver); !errors.Is(err, ErrToldBack) || errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	must(t, <-told)
	if err := m.heed(t.Context(), func(context.Context) error { t.Error("it was begun"); return nil }); !errors.Is(err, ErrToldBack) {
		t.Errorf("got %v", err)
	}
	must(t, errors.Join(m.run.Intent("a"), m.run.Done("a"), m.run.Commit()))
	must(t, m.heed(t.Context(), func(ctx context.Context) error { return ctx.Err() }))
}

func TestTell(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		happened  func(*journal.Run, string) error
		go_, back error // what is said to each word
	}{
		"it waits":          {func(*journal.Run, string) error { return nil }, nil, nil},
		"it was told to go": {func(r *journal.Run, dir string) error { return journal.Tell(dir, r.Name, journal.Go) }, nil, nil},
		"it was told back":  {func(r *journal.Run, dir string) error { return journal.Tell(dir, r.Name, journal.Abort) }, ErrTooLate, nil},
		"it goes back":      {func(r *journal.Run, _ string) error { return r.Undoing("a") }, ErrTooLate, nil},
		"it has gone back": {func(r *journal.Run, _ string) error {
			return errors.Join(r.Undoing("a"), r.Undone("a"), r.Finish(journal.RolledBack))
		}, ErrTooLate, nil},
		"it is committed": {func(r *journal.Run, _ string) error { return errors.Join(r.Done("a"), r.Commit()) }, nil, ErrTooLate},
		"it is finished": {func(r *journal.Run, _ string) error {
			return errors.Join(r.Done("a"), r.Commit(), r.Finish(journal.Complete))
		}, nil, ErrTooLate},
		"it was given up": {func(r *journal.Run, _ string) error {
			return errors.Join(r.Done("a"), r.Commit(), r.Finish(journal.Abandoned))
		}, nil, ErrTooLate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, folder := held(t, 3600)
			must(t, m.run.Intent("a"))
			must(t, tc.happened(m.run, folder))
			runs, err := journal.List(folder)
			must(t, err)
			if err := Tell(folder, runs[0], journal.Go); !errors.Is(err, tc.go_) {
				t.Errorf("go: %v", err)
			}
			if err := Tell(folder, runs[0], journal.Abort); !errors.Is(err, tc.back) {
				t.Errorf("abort: %v", err)
			}
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml", single)
	summary := func(name string, plan *Plan, outcome journal.Outcome) journal.Summary {
		text, err := plan.Encode()
		must(t, err)
		return journal.Summary{Name: name, Plan: text, State: journal.State{Outcome: outcome}}
	}
	one, other := w.plan(t, ModeManifest), w.plan(t, ModeManifest)
	runs := []journal.Summary{
		summary("20261126T120000Z-aaaaaa", one, journal.RolledBack),
		summary("20261126T120100Z-aaaaaa", one, ""),
		summary("20261126T120200Z-aaaaaa", one, journal.RolledBack),
		summary("20261126T120300Z-aaaaaa", other, journal.RolledBack),
		summary("20261126T120400Z-aaaaaa", other, journal.Complete),
		{Name: "20261126T120500Z-aaaaaa", Err: errors.New("damaged"), State: journal.State{Outcome: journal.Complete}},
	}
	for name, want := range map[string]string{
		"":                        runs[1].Name,
		one.Decision.ID:           runs[1].Name,
		other.Decision.ID:         runs[4].Name,
		"20261126T120000Z-aaaaaa": runs[0].Name,
		"20261126T120500Z-aaaaaa": runs[5].Name,
	} {
		if got, err := Find(runs, name); got.Name != want || err != nil {
			t.Errorf("%q: %s, %v; want %s", name, got.Name, err, want)
		}
	}
	if got, err := Find(runs[2:5], ""); got.Name != runs[4].Name || err != nil {
		t.Errorf("the last: %s, %v", got.Name, err)
	}
	for _, name := range []string{"20261126T120000Z-bbbbbb", "20261126T120000Z-0000", "x"} {
		if _, err := Find(runs, name); !errors.Is(err, journal.ErrNoRun) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Find(nil, ""); !errors.Is(err, journal.ErrNoRun) {
		t.Errorf("none: %v", err)
	}
}
