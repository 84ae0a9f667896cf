//go:build e2e

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// completes asks what a shell would offer behind a line, without what it means.
func (f *fleet) completes(t *testing.T, line ...string) (words []string) {
	t.Helper()
	r := f.cluster(t, append(append([]string{"__complete"}, line...), "")...)
	requireCode(t, done, r)
	for l := range strings.Lines(r.Stdout) {
		if word, _, _ := strings.Cut(strings.TrimSpace(l), "\t"); !strings.HasPrefix(word, ":") {
			words = append(words, word)
		}
	}
	return words
}

// What the API server knows is offered, without a helper pod.
func (f *fleet) testCompletion(t *testing.T, run string) {
	var nodes, members []string
	for _, n := range f.Nodes() {
		nodes = append(nodes, n.Name)
		members = append(members, n.Name+"=https://"+n.Address(t)+":2380")
	}
	requireEqual(t, "nodes", nodes, f.completes(t, "rejoin"))
	requireEqual(t, "nodes to leave out", nodes, f.completes(t, "run", "--exclude-node"))
	requireEqual(t, "members", members, f.completes(t, "plan", "--members"))
	requireEqual(t, "names of members", nodes, f.completes(t, "plan", "--assert-destroyed"))
	requireEqual(t, "runs", []string{run}, f.completes(t, "check"))
	f.requireClean(t)
}

// The plans on the nodes tell of earlier runs over ssh: the newest first.
func (f *fleet) testCompletionOverSSH(t *testing.T) {
	runs := f.completes(t, f.overSSH("rollback")...)
	oldest := slices.Clone(runs)
	slices.Sort(oldest) // an ID begins with its time
	slices.Reverse(oldest)
	if len(runs) == 0 || !slices.Equal(runs, oldest) {
		t.Fatalf("runs are %q", runs)
	}
	if report := f.completes(t, f.overSSH("report", runs[0])...); len(report) > 0 {
		t.Errorf("behind a run there is %q", report)
	}
}
