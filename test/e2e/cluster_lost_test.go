//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// Two of three have lost their data, and no API server answers. What an old snapshot has
// comes back; or, from what the survivor has on its disk, everything.
func (f *fleet) testLost(t *testing.T) {
	t.Run("from a snapshot", func(t *testing.T) {
		f.save(t)
		f.lose(t)
		// The data directory of a manifest that crashes is where it was.
		f.restore(t, f.work.SSH()...)
	})
	t.Run("from the survivor", func(t *testing.T) {
		f.save(t)
		f.lose(t)
		r := f.cluster(t, f.overSSH("save", f.work.Path("salvaged.db"), "-o", "json")...)
		requireJSON(t, "ClusterSnapshot", r)
		if !strings.Contains(r.Stdout, "cp1") {
			t.Errorf("it does not say where that is from:\n%s", r.Stdout)
		}
		requireCode(t, done, f.cluster(t, f.overSSH("run", f.work.Path("salvaged.db"), "--yes")...))
		f.everyReady(t)
		f.requireEverywhere(t, after())
		f.requireMovedEverywhere(t)
		f.requireAlive(t)
	})
}

// lose destroys the data of two nodes, and what status says of it is what is the case.
func (f *fleet) lose(t *testing.T) {
	t.Helper()
	for _, n := range f.Nodes()[1:] {
		n.SpoilData(t)
	}
	f.silent(t)
	r := f.cluster(t, f.overSSH("status")...)
	t.Logf("status says\n%s%s", r.Stdout, r.Stderr)
	if !strings.Contains(r.Stdout, "1 of 3") || !strings.Contains(r.Stdout, "quorum") || !strings.Contains(r.Stdout, "kubectl etcd-restore") {
		t.Error("it does not tell what is lost, and what to do")
	}
	for line := range strings.Lines(r.Stdout) {
		if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 && !strings.Contains(line, "kubectl etcd-restore") {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
}
