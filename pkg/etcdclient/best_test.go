package etcdclient_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
)

func TestBest(t *testing.T) {
	t.Parallel()
	type M = etcdclient.MemberStatus
	dead := M{Endpoint: "dead", Err: etcdclient.ErrUnreachable}
	learner := M{Endpoint: "learner", MemberID: 9, Leader: 1, Revision: 99, Learner: true}
	for name, tc := range map[string]struct {
		members []M
		want    string // the endpoint
		why     string // a part of the reason
		err     error
	}{
		"the only one": {
			members: []M{{Endpoint: "a", MemberID: 1, Leader: 1, Revision: 5}},
			want:    "a", why: "only endpoint",
		},
		"highest revision, though a follower": {
			members: []M{{Endpoint: "a", MemberID: 1, Leader: 1, Revision: 5}, {Endpoint: "b", MemberID: 2, Leader: 1, Revision: 8}},
			want:    "b", why: "3 ahead",
		},
		"of equals the leader": {
			members: []M{{Endpoint: "a", MemberID: 1, Leader: 2, Revision: 5}, {Endpoint: "b", MemberID: 2, Leader: 2, Revision: 5}},
			want:    "b", why: "leader",
		},
		"without a leader the most applied": {
			members: []M{{Endpoint: "a", MemberID: 1, Revision: 5, AppliedIndex: 7}, {Endpoint: "b", MemberID: 2, Revision: 5, AppliedIndex: 8}},
			want:    "b", why: "highest revision 5",
		},
		"of twins the first given": {
			members: []M{{Endpoint: "a", MemberID: 1, Revision: 5}, {Endpoint: "b", MemberID: 2, Revision: 5}},
			want:    "a", why: "highest revision 5",
		},
		"never a learner, even if ahead": {
			members: []M{learner, {Endpoint: "a", MemberID: 1, Leader: 1, Revision: 5}},
			want:    "a", why: "only voting member",
		},
		"the dead do not matter": {
			members: []M{dead, {Endpoint: "a", MemberID: 1, Leader: 1, Revision: 5}},
			want:    "a", why: "only voting member",
		},
		"learners only": {members: []M{learner, dead}, err: etcdclient.ErrLearner},
		"all dead":      {members: []M{dead, dead}, err: etcdclient.ErrUnreachable},
		"two clusters": {
			members: []M{{Endpoint: "a", ClusterID: 1, Revision: 5}, {Endpoint: "b", ClusterID: 2, Revision: 8}},
			err:     etcdclient.ErrDifferentClusters,
		},
		"a learner of another cluster": {
			members: []M{{Endpoint: "a", ClusterID: 1, Revision: 5}, {Endpoint: "b", ClusterID: 2, Learner: true}},
			err:     etcdclient.ErrDifferentClusters,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			best, why, err := etcdclient.Best(tc.members)
			if !errors.Is(err, tc.err) || (err != nil) != (tc.err != nil) {
				t.Fatalf("error %v, want %v", err, tc.err)
			}
			if best.Endpoint != tc.want || !strings.Contains(why, tc.why) {
				t.Errorf("chose %q because it is %q, want %q because %q", best.Endpoint, why, tc.want, tc.why)
			}
		})
	}
	if _, _, err := etcdclient.Best(nil); err == nil {
		t.Error("no members, no error")
	}
}
