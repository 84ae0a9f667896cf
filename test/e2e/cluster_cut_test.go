//go:build e2e

package e2e

import (
	"strings"
	"testing"
)

// One node is cut off from the others, before the restore and during it. Whatever comes
// of the restore, nobody is ever told by two clusters (I6, I7): the clients of every API
// server, which ask all the time from where they see all of them, are the witnesses.
func (f *fleet) testCut(t *testing.T) {
	n := f.Node(3)
	run := func() []string { return f.overSSH("run", f.work.Path(fromCP1), "--yes") }

	t.Run("before, from all", func(t *testing.T) {
		f.save(t)
		n.CutAll(t)
		r := f.cluster(t, run()...)
		requireCode(t, refused, r)
		n.Heal(t)
		f.requireOld(t)
	})
	t.Run("before, from the other nodes", func(t *testing.T) {
		f.save(t)
		n.Cut(t)
		clusters := f.history.Clusters()
		r := f.cluster(t, run()...)
		requireCode(t, refused, r)
		if !strings.Contains(r.Stderr, "MembersReachable") {
			t.Errorf("it does not say why:\n%s", r.Stderr)
		}
		n.Heal(t)
		f.requireOld(t)
		if now := f.history.Clusters(); now != clusters {
			t.Errorf("%d clusters, there were %d", now, clusters)
		}
	})
	t.Run("during stop, healed while all wait", func(t *testing.T) {
		f.save(t)
		hold := n.HoldSSH(t, "intent:stop/containers")
		p := f.start(t, run()...)
		hold.Wait(t)
		n.Cut(t)
		hold.Release(t)
		// It has stopped what it could, and waits for the others, as they do for it.
		f.reached(t, n, "intent", "stop/others")
		f.reached(t, f.node, "intent", "stop/others")
		n.Heal(t)
		requireCode(t, done, p.Wait(t))
		f.requireRestored(t)
	})
	t.Run("during stop, healed when all have given up", func(t *testing.T) {
		f.save(t)
		hold := n.HoldSSH(t, "intent:stop/containers")
		p := f.start(t, append(run(), "--meet-timeout", "30s")...)
		hold.Wait(t)
		n.CutAll(t)
		hold.Release(t)
		r := p.Wait(t)
		if r.Code != rolledBack && r.Code != stuck {
			t.Errorf("ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
		}
		n.Heal(t)
		f.cluster(t, f.overSSH("rollback")...)
		f.requireOld(t)
	})
	t.Run("at the commit point", func(t *testing.T) {
		f.save(t)
		hold := n.HoldSSH(t, "intent:start/commit")
		p := f.start(t, run()...)
		hold.Wait(t)
		n.Cut(t)
		hold.Release(t)
		f.reached(t, f.node, "committed", "")
		n.Heal(t)
		r := p.Wait(t)
		if r.Code != done {
			t.Logf("ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
			requireCode(t, done, f.cluster(t, f.overSSH("resume")...))
		}
		f.requireRestored(t)
	})
}
