package salvage

import (
	"slices"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestMemberChange replaces a member while writers write, and salvages the
// newcomer and one of the others.
func TestMemberChange(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{args: lagging()})
		s.work(t, 4)
		s.await(t, 100)
		newcomer := s.cluster.AddLearner(t)
		s.await(t, 50)
		s.cluster.Promote(t, newcomer)
		s.await(t, 50)
		removed := s.cluster.Members[s.random.IntN(3)]
		s.cluster.Remove(t, removed)
		s.await(t, 50+s.random.IntN(100))
		s.disaster(t)

		var stayed []*etcdtest.Member
		for _, m := range s.cluster.Members[:3] {
			if m != removed {
				stayed = append(stayed, m)
			}
		}
		p := s.prove(t, newcomer, stayed[0])
		requireMembers(t, p.include, newcomer, stayed[0], stayed[1])

		// The removed member has no say: it neither adds to a majority nor makes one.
		all := salvage(t, []*etcdtest.Member{removed, newcomer, stayed[0]})
		if hashKV(t, all) != hashKV(t, p.include) || !all.Majority {
			t.Errorf("the directory of a removed member makes a difference: %+v", all)
		}
		requireRefused(t, []*etcdtest.Member{removed, newcomer})
	})
}

// TestLearner loses a cluster of which one member has no vote.
func TestLearner(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		s := newScene(t, v, seed(t), plan{})
		learner := s.cluster.AddLearner(t)
		s.work(t, 4)
		s.await(t, 100+s.random.IntN(200))
		s.disaster(t)
		voters := s.cluster.Members[:3]
		first := s.prove(t, voters[0], voters[1]).include
		requireMembers(t, first, voters[0], voters[1], voters[2], learner)
		i := slices.IndexFunc(first.Members, func(m member) bool { return m.Name == learner.Name })
		if i < 0 || !first.Members[i].Learner {
			t.Errorf("%s is a learner: %+v", learner.Name, first.Members)
		}
		requireRefused(t, []*etcdtest.Member{voters[0], learner})
		// All that was acknowledged is on a majority of voters; the learner may be ahead.
		all := salvage(t, []*etcdtest.Member{voters[0], voters[1], learner})
		if !all.Majority || all.Revision < first.Revision {
			t.Errorf("with the learner at revision %d, without it at %d", all.Revision, first.Revision)
		}
	})
}

// requireMembers wants the old cluster's members in the result.
func requireMembers(t *testing.T, s salvaged, want ...*etcdtest.Member) {
	t.Helper()
	var names, got []string
	for _, m := range want {
		names = append(names, m.Name+" "+m.PeerURL)
	}
	for _, m := range s.Members {
		for _, url := range m.PeerURLs {
			got = append(got, m.Name+" "+url)
		}
	}
	slices.Sort(names)
	slices.Sort(got)
	if !slices.Equal(names, got) {
		t.Errorf("members are %q, want %q", got, names)
	}
}
