package preflight_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
)

// wrong is a node with one thing wrong.
type wrong struct {
	change func(*testing.T, *world)
	want   []finding // of the check; none is ok
	also   []string  // other checks that find something
}

// finding is a severity and words of the text.
type finding struct {
	severity preflight.Severity
	text     string
}

func fails(texts ...string) (all []finding)    { return findings(preflight.Error, texts) }
func warnings(texts ...string) (all []finding) { return findings(preflight.Warning, texts) }
func skips(texts ...string) (all []finding)    { return findings(preflight.Skipped, texts) }

func findings(s preflight.Severity, texts []string) (all []finding) {
	for _, text := range texts {
		all = append(all, finding{s, text})
	}
	return all
}

// try fails unless a check says of each node what it should, and the others nothing
// else.
func try(t *testing.T, check string, cases map[string]wrong) {
	t.Helper()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "kubeadm-1.37.yaml")
			tc.change(t, w)
			results, err := w.results(t)
			var got []finding
			for _, r := range results {
				switch {
				case r.Severity == preflight.Error && r.Hint == "":
					t.Errorf("no hint: %s: %s", r.Check, r.What)
				case strings.ContainsAny(r.What, "\r\x1b") || strings.Contains(r.What, "PRIVATE"):
					t.Errorf("not to be printed: %q", r.What)
				}
				if r.Check == check {
					if r.Severity != preflight.OK {
						got = append(got, finding{r.Severity, r.What})
					}
				} else if r.Severity != preflight.OK && !slices.Contains(tc.also, r.Check) {
					t.Errorf("found by another check: %s: %s", r.Check, r.What)
				}
			}
			fits := slices.EqualFunc(tc.want, got, func(want, got finding) bool {
				return want.severity == got.severity && strings.Contains(got.text, want.text)
			})
			if !fits {
				t.Errorf("%v\n%v", cmp.Diff(fmt.Sprint(tc.want), fmt.Sprint(got)), err)
			}
		})
	}
}

// fact is a change of what was found out.
func fact(change func(*node.Facts)) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) { w.facts = change }
}

// asked is a change of what is asked for.
func asked(change func(*preflight.Request)) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) { change(&w.request) }
}

// A check that cannot look at what is missing says so, and panics on nothing. This
// is a machine that is no control-plane node at all.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "kubeadm-1.37.yaml")
	for _, dir := range []string{"/etc", "/var", "/root"} {
		must(t, os.RemoveAll(w.node.Path(dir)))
	}
	w.request = preflight.Request{Node: w.node, Snapshot: preflight.Snapshot{Path: w.snapshot}}
	results, _ := w.results(t)
	seen := map[string]bool{}
	for _, r := range results {
		seen[r.Check] = true
		if r.Severity == preflight.Error && r.Hint == "" {
			t.Errorf("no hint: %s: %s", r.Check, r.What)
		}
	}
	for _, name := range preflight.Names() {
		if !seen[name] {
			t.Errorf("%s said nothing", name)
		}
	}
}

func TestNamesInDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "preflight.md"))
	must(t, err)
	var documented, vital []string
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "### "); ok {
			name, note, _ := strings.Cut(name, " ")
			documented = append(documented, name)
			if note == "(never ignored)" {
				vital = append(vital, name)
			}
		}
	}
	if diff := cmp.Diff(preflight.Names(), documented); diff != "" {
		t.Errorf("the checks, and their sections in docs/preflight.md: %s", diff)
	}
	var want []string
	for _, c := range preflight.Checks(preflight.Request{}) {
		if c.Vital {
			want = append(want, c.Name)
		}
	}
	if diff := cmp.Diff(want, vital); diff != "" {
		t.Errorf("those that are never ignored: %s", diff)
	}
}
