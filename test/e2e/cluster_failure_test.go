//go:build e2e

package e2e

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

// harm is what is done to one node at a line of its journal.
type harm struct {
	line string
	do   func(t *testing.T, f *fleet, n *lab.Node) (undo func())
	code []int  // that may be the run's
	says string // in its last words
}

// harms is one for each phase before the commit point.
var harms = map[string]harm{
	"stage: the snapshot is corrupt on its disk": {"intent:stage/data", corruptUpload, []int{corrupt, failed}, "cp2"},
	"stop: somebody holds the database":          {"intent:stop/prove", holdDatabase, []int{rolledBack}, "stop/prove"},
	"cutover: the manifest is gone":              {"intent:cutover/", loseParked, []int{rolledBack}, "cutover/manifest"},
	"start: etcd's image is not there":           {"intent:start/etcd", breakImage, []int{rolledBack}, "start/etcd"},
}

const failed = 1

// What fails on one node before the commit point is taken back on all: what served before
// serves again, with the same manifests, and whoever is asked tells why.
func (f *fleet) testFails(t *testing.T) {
	f.save(t)
	clusters := f.history.Clusters()
	n := f.Node(2)
	for _, name := range slices.Sorted(maps.Keys(harms)) {
		h := harms[name]
		ok := t.Run(name, func(t *testing.T) {
			hold := n.HoldSSH(t, h.line)
			p := f.start(t, f.overSSH("run", f.work.Path(fromCP1), "--yes")...)
			hold.Wait(t)
			undo := h.do(t, f, n)
			hold.Release(t)
			r := p.Wait(t)
			undo()
			if !slices.Contains(h.code, r.Code) || !strings.Contains(r.Stderr, h.says) || !strings.Contains(r.Stderr, n.Name) {
				t.Errorf("ended with %d, want one of %v and a word of %s on %s\n%s%s", r.Code, h.code, h.says, n.Name, r.Stdout, r.Stderr)
			}
			f.requireOld(t)
			if c := f.history.Clusters(); c != clusters {
				t.Errorf("%d clusters have served, there were %d before", c, clusters)
			}
		})
		if !ok {
			return
		}
	}
	t.Run("completion", f.testCompletionOverSSH)
	t.Run("a kubelet is stopped", func(t *testing.T) {
		n.Kubelet(t, "stop")
		requireCode(t, refused, f.cluster(t, f.overSSH("run", f.work.Path(fromCP1), "--yes")...))
		f.requireManifests(t)
		n.Kubelet(t, "start")
		f.requireOld(t)
	})
	t.Run("interrupted before anything is stopped", func(t *testing.T) {
		hold := n.HoldSSH(t, "intent:stage/data")
		p := f.start(t, f.overSSH("run", f.work.Path(fromCP1), "--yes")...)
		hold.Wait(t)
		p.Interrupt(t)
		hold.Release(t)
		requireCode(t, interrupted, p.Wait(t))
		f.requireOld(t)
	})
	t.Run("nothing is in the way of the next", func(t *testing.T) { f.restore(t, f.work.SSH()...) })
}

const interrupted = 130

// corruptUpload turns one bit of the snapshot on the node's disk.
func corruptUpload(t *testing.T, f *fleet, n *lab.Node) func() {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.Disk(transport.Uploads), "*.db"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no snapshot below %s: %v", transport.Uploads, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		must(t, err)
		content[len(content)/2] ^= 1
		must(t, os.WriteFile(file, content, 0o600))
	}
	return func() {}
}

// holdDatabase is a process that has the old database open, as a backup script might.
func holdDatabase(t *testing.T, f *fleet, n *lab.Node) func() {
	t.Helper()
	db := filepath.Join(hostPath(t, f.kept[n.Name]["etcd.yaml"]), "member/snap/db")
	n.Shell(t, `setsid flock --nonblock "$1" tail -f /dev/null >/dev/null 2>&1 </dev/null & sleep 0.2; ! flock --nonblock "$1" true`, db)
	held := make(chan struct{})
	go func() {
		defer close(held)
		// The way back wants it, too.
		err := lab.Eventually(t.Context(), 2*time.Minute, func(ctx context.Context) error {
			if lines := n.Journal(t, ""); !slices.ContainsFunc(lines, func(l lab.Line) bool { return l.Event == "failed" || strings.HasPrefix(l.Event, "undo") }) {
				return errors.New("the run does not go back")
			}
			return nil
		})
		_, killErr := n.Try(t.Context(), "pkill", "-x", "tail")
		if err := errors.Join(err, killErr); err != nil {
			t.Error(err)
		}
	}()
	return func() { <-held }
}

// loseParked removes etcd's manifest from where it is kept while it is out.
func loseParked(t *testing.T, f *fleet, n *lab.Node) func() {
	t.Helper()
	found := strings.Fields(n.Shell(t, `find /etc/kubernetes/etcd-restore -name etcd.yaml -type f`))
	if len(found) != 1 {
		t.Fatalf("etcd's manifest is at %v", found)
	}
	n.Must(t, "rm", found[0])
	return func() {}
}

func breakImage(t *testing.T, f *fleet, n *lab.Node) func() {
	t.Helper()
	one := &scene{Lab: f.Lab, node: n, manifests: f.kept[n.Name]}
	one.breakEdited(t)
	return func() {}
}
