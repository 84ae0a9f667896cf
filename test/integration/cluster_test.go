package integration

import (
	"bytes"
	"os"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// settle waits until every running member serves and has applied everything.
func settle(t *testing.T, c *etcdtest.Cluster) {
	t.Helper()
	for _, m := range c.Members {
		if m.Running() {
			m.Ready(t)
		}
	}
}

// requireMembers compares the member list with the plan.
func requireMembers(t *testing.T, c *etcdtest.Cluster, p plan) {
	t.Helper()
	requireMemberList(t, c.Client(t), p)
}

func requireMemberList(t *testing.T, client *clientv3.Client, p plan) {
	t.Helper()
	type member struct {
		Name    string
		ID      uint64
		URLs    []string
		Learner bool
	}
	byName := func(a, b member) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) }
	var want, got []member
	for _, m := range p.Members {
		want = append(want, member{m.Name, parseID(t, m.ID), m.PeerURLs, m.Learner})
	}
	list, err := client.MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Members {
		got = append(got, member{m.Name, m.ID, m.PeerURLs, m.IsLearner})
	}
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("member list (-planned +got):\n%s", diff)
	}
	if want := parseID(t, p.ClusterID); list.Header.ClusterId != want {
		t.Errorf("cluster ID is %x, planned is %x", list.Header.ClusterId, want)
	}
}

// requireContent compares keys and leases with the source's at its revision.
func requireContent(t *testing.T, c *etcdtest.Cluster, s *source, at int64) {
	t.Helper()
	if diff := etcdtest.Diff(s.now, c.Keys(t, at)); diff != "" {
		t.Errorf("at revision %d: %s", at, diff)
	}
	if diff := gocmp.Diff(s.leases, leasesOf(t, c.Client(t)), gocmp.AllowUnexported(lease{})); diff != "" {
		t.Errorf("leases (-snapshot +restored):\n%s", diff)
	}
}

// requireRevision wants every member at revision want.
func requireRevision(t *testing.T, c *etcdtest.Cluster, want int64) {
	t.Helper()
	for _, m := range c.Members {
		if got := m.Revision(t); got != want {
			t.Errorf("%s is at revision %d, want %d", m.Name, got, want)
		}
	}
}

// requireSameHash wants one HashKV of revision rev on all members.
func requireSameHash(t *testing.T, c *etcdtest.Cluster, rev int64) {
	t.Helper()
	settle(t, c)
	hashes := c.HashKV(t, rev)
	first := hashes[c.Members[0].Name]
	for name, h := range hashes {
		if h != first {
			t.Errorf("the members disagree about revision %d: %s says %x, %s %x", rev, name, h, c.Members[0].Name, first)
		}
	}
}

// requireWrite writes one key, which has to get revision want.
func requireWrite(t *testing.T, client *clientv3.Client, key string, want int64) {
	t.Helper()
	resp, err := client.Put(t.Context(), key, "value")
	if err != nil {
		t.Fatalf("write %s: %v", key, err)
	}
	if resp.Header.Revision != want {
		t.Errorf("write %s got revision %d, want %d", key, resp.Header.Revision, want)
	}
}

// logged reports whether the member's log contains text.
func logged(t *testing.T, m *etcdtest.Member, text string) bool {
	t.Helper()
	log, err := os.ReadFile(m.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(log, []byte(text))
}
