package workflow_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/workflow"
)

// world is what the steps change. It survives a crash of the process.
type world struct {
	stands map[string]bool
	log    []string
	broken map[string]error // what fails, by "do x", "undo x" or "done x"
	at     func(what string)
}

func newWorld() *world {
	return &world{stands: map[string]bool{}, broken: map[string]error{}, at: func(string) {}}
}

func (w *world) act(verb, step string, stands bool) error {
	w.at(verb)
	w.log = append(w.log, verb+" "+step)
	if err := w.broken[verb+" "+step]; err != nil {
		return err
	}
	w.stands[step] = stands
	w.at(verb)
	return nil
}

func (w *world) step(name string, commit bool) workflow.Step {
	return workflow.Step{
		Name: name, Commit: commit,
		Done: func(context.Context) (bool, error) { return w.stands[name], w.broken["done "+name] },
		Do:   func(context.Context) error { return w.act("do", name, true) },
		Undo: func(context.Context) error { return w.act("undo", name, false) },
	}
}

func (w *world) phases() []workflow.Phase {
	return []workflow.Phase{
		{"stage", []workflow.Step{w.step("build", false)}},
		{"stop", []workflow.Step{w.step("api", false), w.step("etcd", false)}},
		{"start", []workflow.Step{w.step("commit", true), w.step("serve", false)}},
	}
}

func (w *world) standing() string {
	var names []string
	for name, stands := range w.stands {
		if stands {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

const all = "api build commit etcd serve"

// crash is what a process dies of here.
type crash struct{}

// process does work in the folder and reports whether it died.
func process(t *testing.T, dir string, at func(), work func(*journal.Run) error) (died bool, err error) {
	t.Helper()
	working := false
	folder, err := journal.Open(dir, journal.Options{FS: durable.FS{Boundary: func(string, string) {
		if working {
			at()
		}
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	run, err := folder.Resume("")
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	defer func() {
		if v := recover(); v != nil {
			if _, ok := v.(crash); !ok {
				panic(v)
			}
			died = true
		}
	}()
	working = true
	return false, work(run)
}

func begin(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "runs")
	folder, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	run, err := folder.Create([]byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	run.Close()
	return dir
}

func outcome(t *testing.T, dir string) journal.State {
	t.Helper()
	runs, err := journal.List(dir)
	if err != nil || len(runs) != 1 || runs[0].Err != nil {
		t.Fatalf("%d runs, %v", len(runs), err)
	}
	return runs[0].State
}

func forward(w *world, o workflow.Options) func(*journal.Run) error {
	return func(run *journal.Run) error { return workflow.Run(context.Background(), run, w.phases(), o) }
}

func back(w *world) func(*journal.Run) error {
	return func(run *journal.Run) error {
		return workflow.Rollback(context.Background(), run, w.phases(), nil)
	}
}

func nowhere() {}

func TestRun(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), begin(t)
	if _, err := process(t, dir, nowhere, forward(w, workflow.Options{})); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(w.log, ", "); got != "do build, do api, do etcd, do commit, do serve" {
		t.Error(got)
	}
	if s := outcome(t, dir); s.Outcome != journal.Complete || !s.Committed || w.standing() != all {
		t.Errorf("%+v, %s stands", s, w.standing())
	}
}

// Invariants I7 and I8: the process dies at every boundary of the journal and of
// the steps. The next one goes on to the end; or it goes back to the beginning,
// or says that the run is committed, and only if it is.
func TestDiesAtEveryBoundary(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ failing, then string }{
		"forward, then on":         {"", "on"},
		"forward, then back":       {"", "back"},
		"rolling back, then back":  {"do etcd", "back"},
		"rolling back, then on":    {"do etcd", "on"},
		"failing to undo, go back": {"undo api", "back"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				w, dir := newWorld(), begin(t)
				if tc.failing != "" {
					w.broken["do etcd"], w.broken[tc.failing] = errors.New("no luck"), errors.New("no luck")
				}
				met := 0
				count := func() {
					if met++; met == n {
						panic(crash{})
					}
				}
				w.at = func(string) { count() }
				died, _ := process(t, dir, count, forward(w, workflow.Options{}))
				if !died {
					if n < 20 {
						t.Fatalf("only %d boundaries", n)
					}
					return
				}
				w.at, w.broken = func(string) {}, map[string]error{}
				if state := outcome(t, dir); state.Outcome == "" {
					second(t, w, dir, tc.then)
				}
				if t.Failed() {
					t.Fatalf("after the death at boundary %d", n)
				}
			}
		})
	}
}

// second is the process after one that died.
func second(t *testing.T, w *world, dir, then string) {
	t.Helper()
	before, committed := outcome(t, dir), w.stands["commit"]
	work := back(w)
	if then == "on" {
		work = forward(w, workflow.Options{})
	}
	_, err := process(t, dir, nowhere, work)
	after := outcome(t, dir)
	switch {
	case then == "on" && before.GoingBack:
		if !errors.Is(err, workflow.ErrStuck) || after.Outcome != "" {
			t.Errorf("it went on from its way back: %v", err)
		}
	case then == "on":
		if err != nil || after.Outcome != journal.Complete || w.standing() != all {
			t.Errorf("%v, %q, %s stands", err, after.Outcome, w.standing())
		}
	case committed:
		if !errors.Is(err, workflow.ErrCommitted) || !after.Committed || !w.stands["build"] {
			t.Errorf("the run was committed: %v, %s stands", err, w.standing())
		}
	default:
		if err != nil || after.Outcome != journal.RolledBack || w.standing() != "" {
			t.Errorf("%v, %q, %s stands", err, after.Outcome, w.standing())
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	for name, tc := range map[string]struct {
		broken  []string
		options workflow.Options
		want    error
		stands  string
		outcome journal.Outcome
	}{
		"before the commit point":  {[]string{"do etcd"}, workflow.Options{}, workflow.ErrRolledBack, "", journal.RolledBack},
		"not to be rolled back":    {[]string{"do etcd"}, workflow.Options{NoRollback: true}, workflow.ErrStuck, "api build", ""},
		"behind the commit point":  {[]string{"do serve"}, workflow.Options{}, workflow.ErrStuck, "api build commit etcd", ""},
		"undo fails":               {[]string{"do etcd", "undo api"}, workflow.Options{}, workflow.ErrStuck, "api build", ""},
		"commit without an answer": {[]string{"do commit", "done commit"}, workflow.Options{}, workflow.ErrStuck, "api build etcd", ""},
		"commit refused":           {[]string{"do commit"}, workflow.Options{}, workflow.ErrRolledBack, "", journal.RolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, dir := newWorld(), begin(t)
			for _, what := range tc.broken {
				w.broken[what] = lost
			}
			_, err := process(t, dir, nowhere, forward(w, tc.options))
			if !errors.Is(err, tc.want) || !errors.Is(err, lost) || w.standing() != tc.stands || outcome(t, dir).Outcome != tc.outcome {
				t.Errorf("%v; %q stands, outcome %q", err, w.standing(), outcome(t, dir).Outcome)
			}
		})
	}
}

// A commit whose answer was lost, but which did happen, leaves no way back.
func TestCommitWithLostAnswer(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), begin(t)
	phases := w.phases()
	do := phases[2].Steps[0].Do
	phases[2].Steps[0].Do = func(ctx context.Context) error { return errors.Join(do(ctx), errors.New("timeout")) }
	_, err := process(t, dir, nowhere, func(run *journal.Run) error {
		return workflow.Run(context.Background(), run, phases, workflow.Options{})
	})
	if !errors.Is(err, workflow.ErrStuck) || !errors.Is(err, workflow.ErrCommitted) || !outcome(t, dir).Committed {
		t.Fatalf("got %v", err)
	}
	if _, err := process(t, dir, nowhere, forward(w, workflow.Options{})); err != nil || w.standing() != all {
		t.Errorf("%v, %s stands", err, w.standing())
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), begin(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.at = func(string) {
		if w.stands["api"] {
			cancel()
		}
	}
	_, err := process(t, dir, nowhere, func(run *journal.Run) error { return workflow.Run(ctx, run, w.phases(), workflow.Options{}) })
	if !errors.Is(err, workflow.ErrRolledBack) || !errors.Is(err, context.Canceled) || w.standing() != "" {
		t.Errorf("%v, %s stands", err, w.standing())
	}
}

// That a step returned is not that it is done.
func TestDoWithoutOutcome(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(), begin(t)
	phases := w.phases()
	phases[1].Steps[1].Do = func(context.Context) error { return nil }
	_, err := process(t, dir, nowhere, func(run *journal.Run) error {
		return workflow.Run(context.Background(), run, phases, workflow.Options{})
	})
	if !errors.Is(err, workflow.ErrRolledBack) || w.standing() != "" {
		t.Errorf("%v, %s stands", err, w.standing())
	}
}

func TestPhasesRefused(t *testing.T) {
	t.Parallel()
	do := func(context.Context) error { return nil }
	done := func(context.Context) (bool, error) { return true, nil }
	for name, phases := range map[string][]workflow.Phase{
		"twice":             {{"p", []workflow.Step{{Name: "a", Do: do}, {Name: "a", Do: do}}}},
		"nothing to do":     {{"p", []workflow.Step{{Name: "a"}}}},
		"commit, no answer": {{"p", []workflow.Step{{Name: "a", Do: do, Commit: true}}}},
		"two commit points": {{"p", []workflow.Step{{Name: "a", Do: do, Done: done, Commit: true}, {Name: "b", Do: do, Done: done, Commit: true}}}},
		"not the run's":     {{"p", []workflow.Step{{Name: "other", Do: do}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := begin(t)
			_, err := process(t, dir, nowhere, func(run *journal.Run) error {
				if err := run.Intent("p/gone"); err != nil {
					return err
				}
				return workflow.Run(context.Background(), run, phases, workflow.Options{})
			})
			if !errors.Is(err, workflow.ErrPhases) {
				t.Errorf("got %v, want ErrPhases", err)
			}
		})
	}
}
