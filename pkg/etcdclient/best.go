package etcdclient

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Best chooses the member to take a snapshot from, and says why: the highest
// revision, and of several the leader. A follower can lag and a learner may
// never have caught up; neither says so in the snapshot.
func Best(members []MemberStatus) (best MemberStatus, why string, err error) {
	if len(members) == 0 {
		return MemberStatus{}, "", errors.New("no members to choose from")
	}
	var voters, learners []MemberStatus
	var failures []error
	for _, m := range members {
		switch {
		case m.Err != nil:
			failures = append(failures, m.Err)
		case m.Learner:
			learners = append(learners, m)
		default:
			voters = append(voters, m)
		}
	}
	if err := sameCluster(append(slices.Clone(voters), learners...)); err != nil {
		return MemberStatus{}, "", err
	}
	if len(voters) == 0 && len(learners) > 0 {
		return MemberStatus{}, "", hint.New(
			fmt.Errorf("%s: %w", learners[0].Endpoint, errors.Join(append([]error{ErrLearner}, failures...)...)),
			"give the endpoint of a voting member")
	}
	if len(voters) == 0 {
		return MemberStatus{}, "", errors.Join(failures...)
	}

	// Stable: of equals, the first endpoint that was given.
	slices.SortStableFunc(voters, func(a, b MemberStatus) int {
		return cmp.Or(
			cmp.Compare(b.Revision, a.Revision),
			cmp.Compare(leads(b), leads(a)),
			cmp.Compare(b.AppliedIndex, a.AppliedIndex),
		)
	})
	return voters[0], reasonFor(voters, len(members)), nil
}

// reasonFor says why the first of the sorted voters was chosen.
func reasonFor(voters []MemberStatus, asked int) string {
	best := voters[0]
	switch {
	case asked == 1:
		return "the only endpoint"
	case len(voters) == 1:
		return "the only voting member that answers"
	case voters[1].Revision < best.Revision:
		return fmt.Sprintf("highest revision, %d ahead of the next", best.Revision-voters[1].Revision)
	case best.IsLeader():
		return fmt.Sprintf("the leader, at the highest revision %d", best.Revision)
	default:
		return fmt.Sprintf("at the highest revision %d", best.Revision)
	}
}

func leads(m MemberStatus) int {
	if m.IsLeader() {
		return 1
	}
	return 0
}

func sameCluster(members []MemberStatus) error {
	for _, m := range members {
		if first := members[0]; m.ClusterID != first.ClusterID {
			return hint.New(fmt.Errorf("%w: %s is in cluster %x, %s in %x",
				ErrDifferentClusters, first.Endpoint, first.ClusterID, m.Endpoint, m.ClusterID),
				"give endpoints of one cluster only")
		}
	}
	return nil
}
