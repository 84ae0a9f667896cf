//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// The plugin is killed with SIGKILL after a line of its journal: resume finishes the
// restore, rollback brings the old cluster back with the same manifests, byte for
// byte; behind the commit point rollback refuses, and resume finishes. With E2E_FULL=1
// that is after every line, both ways; else after one line of a phase, one way.
func TestKilled(t *testing.T) {
	t.Parallel()
	clusters := 1
	if full() {
		clusters = 3 // side by side, each has a third of the moments
	}
	for n := range clusters {
		t.Run(fmt.Sprintf("cluster %d", n+1), func(t *testing.T) {
			s := setUp(t, lab.Options{})
			s.save(t)
			requireCode(t, done, s.run(t, restore()...))
			s.requireRestored(t)
			for i, m := range moments(s.node.Journal(t, "")) {
				if i%clusters == n && !t.Run(m.String(), func(t *testing.T) { s.try(t, m) }) {
					return // a cluster that is in doubt proves nothing more
				}
			}
		})
	}
}

func full() bool { return os.Getenv("E2E_FULL") == "1" }

// try kills a restore at a moment, and goes on or back from there.
func (s *scene) try(t *testing.T, m moment) {
	t.Helper()
	s.save(t)
	s.kill(t, m)
	if m.back {
		s.goBack(t)
	} else {
		s.goOn(t)
	}
}

// moment is where the plugin is killed, and what follows.
type moment struct {
	line lab.Line
	back bool
}

func (m moment) String() string {
	way := "resume"
	if m.back {
		way = "rollback"
	}
	return fmt.Sprintf("line %02d, %s, then %s", m.line.Seq, m.line, way)
}

// moments are those to try, of the lines of a run that went well.
func moments(lines []lab.Line) []moment {
	var all []moment
	phases := map[string]bool{}
	for _, line := range lines[:len(lines)-1] { // behind the last there is nothing left
		switch {
		case full():
			all = append(all, moment{line, false}, moment{line, true})
		case line.Step != "" && !phases[line.Phase()] && line.Phase() != "stage" && line.Phase() != "verify":
			// A step that was announced; whether it was done is unknown.
			phases[line.Phase()] = true
			all = append(all, moment{line, len(phases)%2 == 1})
		}
	}
	return all
}

// kill runs a restore until the journal has that line.
func (s *scene) kill(t *testing.T, m moment) {
	t.Helper()
	runs := s.node.Runs(t)
	r, reached := s.node.RunUntil(t, strconv.Itoa(m.line.Seq), node(restore()...)...)
	if !reached {
		t.Fatalf("it was not killed: it ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
	if now := s.node.Runs(t); len(now) != len(runs)+1 {
		t.Fatalf("the runs are %v, were %v", now, runs)
	}
	got := s.node.Journal(t, "")
	if last := got[len(got)-1]; len(got) != m.line.Seq || last.String() != m.line.String() {
		t.Fatalf("killed at line %d, %s", len(got), last)
	}
}

func (s *scene) goOn(t *testing.T) {
	t.Helper()
	requireCode(t, done, s.run(t, "resume"))
	s.requireRestored(t)
	s.requireFinished(t, "complete")
}

func (s *scene) goBack(t *testing.T) {
	t.Helper()
	lines := s.node.Journal(t, "")
	committed := slices.ContainsFunc(lines, func(l lab.Line) bool { return l.Event == "committed" })
	r := s.run(t, "rollback")
	if r.Code == refused {
		// The commit point may have been reached and not have been written down.
		if !committed && lines[len(lines)-1].Step != "start/commit" {
			t.Fatalf("rollback refused before the commit point:\n%s%s", r.Stdout, r.Stderr)
		}
		s.goOn(t)
		return
	}
	requireCode(t, done, r)
	if committed {
		t.Fatal("rollback went back behind the commit point")
	}
	s.requireOld(t)
	s.requireFinished(t, "rolled back")
}

// requireFinished checks how the journal of the last run ends.
func (s *scene) requireFinished(t *testing.T, outcome string) {
	t.Helper()
	lines := s.node.Journal(t, "")
	if last := lines[len(lines)-1]; last.Event != "finished" || last.Outcome != outcome {
		t.Errorf("the journal ends with %s %s, want %s", last, last.Outcome, outcome)
	}
}
