package integration

import (
	"fmt"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestEveryVersionOnEveryVersion restores the snapshot of each version for each
// version. An older one than the source needs --target-version; a newer one
// takes it as the upgrade it is.
func TestEveryVersionOnEveryVersion(t *testing.T) {
	t.Parallel()
	for _, from := range etcdtest.Servers() {
		for _, to := range etcdtest.Servers() {
			var args []string
			if to < from {
				args = []string{"--target-version", string(to)}
			}
			t.Run(fmt.Sprintf("%s on %s/1 member", from, to), func(t *testing.T) {
				t.Parallel()
				oneMember(t, sourceOf(t, from), to, args)
			})
			t.Run(fmt.Sprintf("%s on %s/3 members", from, to), func(t *testing.T) {
				t.Parallel()
				threeMembers(t, sourceOf(t, from), to, args)
			})
		}
	}
}

// oneMember restores with the history as it is: revision, compacted revision and
// every retained revision are the source's.
func oneMember(t *testing.T, s *source, to etcdtest.Version, args []string) {
	c := etcdtest.New(t, etcdtest.Config{Version: to})
	p := restoreOne(t, c, s.file, append(noBump(), args...)...)
	if p.Revision.Restored != s.revision || p.Revision.Bump != 0 || p.Revision.Compacted != s.compacted {
		t.Errorf("result says %+v, the snapshot is of revision %d, compacted at %d", p.Revision, s.revision, s.compacted)
	}
	c.Start(t)
	requireMembers(t, c, p)
	requireRevision(t, c, s.revision)
	requireContent(t, c, s, 0)
	if diff := etcdtest.Diff(s.earlier, c.Keys(t, s.middle)); diff != "" {
		t.Errorf("at revision %d: %s", s.middle, diff)
	}
	if got := c.HashKV(t, s.revision)["m1"]; got != s.hash {
		t.Errorf("HashKV is %x, the source's is %x", got, s.hash)
	}
	requireWrite(t, c.Client(t), "after", s.revision+1)

	c.Kill(t)
	c.Start(t)
	requireMembers(t, c, p)
	requireRevision(t, c, s.revision+1)
	requireContent(t, c, s, s.revision)
}

// threeMembers restores as it is done for Kubernetes by default.
func threeMembers(t *testing.T, s *source, to etcdtest.Version, args []string) {
	c := etcdtest.New(t, etcdtest.Config{Version: to, Size: 3})
	p := restoreAll(t, c, s.file, args...)
	first := p.Revision.Restored
	if p.Revision.Snapshot != s.revision || first < s.revision+1_000_000_000 || p.Revision.Compacted != first || len(p.Notes) == 0 {
		t.Errorf("result says %+v %q, the snapshot is of revision %d", p.Revision, p.Notes, s.revision)
	}
	c.Start(t)
	requireMembers(t, c, p)
	requireRevision(t, c, first)
	requireContent(t, c, s, 0)
	requireWrite(t, c.Client(t), "after", first+1)
	requireSameHash(t, c, first+1)

	// A member that lost power comes back to a cluster that went on without it.
	lost := c.Members[2]
	lost.Kill(t)
	settle(t, c)
	requireWrite(t, c.Members[0].Client(t), "without m3", first+2)
	lost.Start(t)
	requireSameHash(t, c, first+2)

	c.Kill(t)
	c.Start(t)
	requireMembers(t, c, p)
	requireRevision(t, c, first+2)
	requireSameHash(t, c, first+2)
	requireContent(t, c, s, first)
}
