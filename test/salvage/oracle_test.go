package salvage

import (
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Two clusters can say what etcd itself makes of the directories. Both run on
// copies, at the addresses of the old members, one after the other.

// quorum starts the old members as they were. Being a majority they elect the
// one with the longest log, which commits its tail.
func (s *scene) quorum(t *testing.T, members []*etcdtest.Member, look func(*etcdtest.Member)) {
	t.Helper()
	s.onCopies(t, members, func() {
		for _, m := range members {
			m.Start(t)
		}
		for _, m := range members {
			m.Ready(t)
		}
		look(members[0])
	})
}

// alone starts one old member as a cluster of its own. It commits nothing that
// it does not know to be committed already.
func (s *scene) alone(t *testing.T, m *etcdtest.Member, look func(*etcdtest.Member)) {
	t.Helper()
	args := m.Args
	defer func() { m.Args = args }()
	m.Args = append(args[:len(args):len(args)], "--force-new-cluster")
	s.onCopies(t, []*etcdtest.Member{m}, func() {
		m.Start(t)
		m.Ready(t)
		look(m)
	})
}

func (s *scene) onCopies(t *testing.T, members []*etcdtest.Member, run func()) {
	t.Helper()
	for _, m := range members {
		dataDir, walDir, args := m.DataDir, m.WALDir, m.Args
		defer func() { m.DataDir, m.WALDir, m.Args = dataDir, walDir, args }()
		m.Args = append(args[:len(args):len(args)], impatient)
		m.DataDir, m.WALDir = m.Copy(t)
	}
	run()
	etcdtest.Kill(t, members...)
}
