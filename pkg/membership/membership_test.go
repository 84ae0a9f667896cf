package membership_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/etcd/client/pkg/v3/types"
	etcdmembership "go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.uber.org/zap"

	"github.com/etcd-restore/etcd-restore/pkg/membership"
)

// etcdCluster is what etcd makes of the same input.
func etcdCluster(t *testing.T, initialCluster, token string) *etcdmembership.RaftCluster {
	t.Helper()
	urls, err := types.NewURLsMap(initialCluster)
	if err != nil {
		t.Fatalf("etcd does not parse %q: %v", initialCluster, err)
	}
	c, err := etcdmembership.NewClusterFromURLsMap(zap.NewNop(), token, urls)
	if err != nil {
		t.Fatalf("etcd refuses %q: %v", initialCluster, err)
	}
	return c
}

// requireSameAsEtcd compares every ID, name, URL and the JSON of each member.
func requireSameAsEtcd(t *testing.T, got *membership.Cluster, want *etcdmembership.RaftCluster) {
	t.Helper()
	if got.ID != uint64(want.ID()) {
		t.Errorf("cluster ID %x, etcd has %x", got.ID, uint64(want.ID()))
	}
	var ids []types.ID
	for _, m := range got.Members {
		ids = append(ids, types.ID(m.ID))
	}
	if !slices.Equal(ids, want.MemberIDs()) {
		t.Fatalf("member IDs %v, etcd has %v", ids, want.MemberIDs())
	}
	for _, m := range got.Members {
		w := want.Member(types.ID(m.ID))
		w.IsLearner = m.Learner // etcd's bootstrap knows no learners
		wantJSON, err := json.Marshal(w)
		if err != nil {
			t.Fatal(err)
		}
		gotJSON, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(gotJSON) != string(wantJSON) {
			t.Errorf("member %q is\n%s, etcd has\n%s", m.Name, gotJSON, wantJSON)
		}
	}
}

func members(n int) string {
	var pairs []string
	for i := range n {
		pairs = append(pairs, fmt.Sprintf("m%d=https://10.0.0.%d:2380", i, i+1))
	}
	return strings.Join(pairs, ",")
}

func TestIDsEqualEtcds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, initialCluster, token string }{
		{"one member", members(1), "etcd-cluster"},
		{"three members", members(3), "etcd-cluster"},
		{"five members", members(5), "etcd-cluster"},
		{"other token", members(3), "etcd-restore-0123456789abcdef"},
		{"unicode token", members(3), "grüße-集群-🙂"},
		{"token that is not UTF-8", members(1), "\xff\xfe"},
		{"several URLs, unsorted", "a=http://z:1,a=http://b:2,b=http://q:3,a=https://c:4", "t"},
		{"URLs of one member apart", "a=http://a:1,b=http://b:1,a=http://a:2", "t"},
		{"unix sockets", "a=unix://a:1,b=unixs:///run/etcd/b.sock", "t"},
		{"IPv6", "a=http://[::1]:2380,b=https://[fe80::1%25eth0]:2380", "t"},
		{"upper-case scheme and host", "a=HTTP://Node-A:2380", "t"},
		{"user, query and fragment", "a=http://u:p@h:1?x=y&z=<w>#f", "t"},
		{"no host, no port", "a=http://:", "t"},
		{"spaces around a URL", "a= http://h:1 ", "t"},
		{"empty pairs", ",,a=http://h:1,,b=http://h:2,", "t"},
		{"unicode and HTML in a name", "ä<&>集=http://h:1", "t"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := membership.New(tc.initialCluster, tc.token, nil)
			if err != nil {
				t.Fatal(err)
			}
			requireSameAsEtcd(t, c, etcdCluster(t, tc.initialCluster, tc.token))
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, initialCluster, token string
		learners                    []string
		want                        string
	}{
		{name: "empty cluster", token: "t", want: "the initial cluster is empty"},
		{name: "only commas", initialCluster: ",,", token: "t", want: "the initial cluster is empty"},
		{name: "empty token", initialCluster: members(1), want: "token is empty"},
		{name: "empty name", initialCluster: "=http://h:1", token: "t", want: "empty member name"},
		{name: "space in front of a name", initialCluster: "a=http://h:1, b=http://h:2", token: "t", want: `" b" begins or ends with white space`},
		{name: "control character in a name", initialCluster: "a\x1b[2Jb=http://h:1", token: "t", want: "control character"},
		{name: "URL without a name", initialCluster: "a=http://h:1,http://h:2", token: "t", want: "repeat the name for each further URL"},
		{name: "name without a URL", initialCluster: "a", token: "t", want: "write a=URL"},
		{name: "empty URL", initialCluster: "a=", token: "t", want: "URL scheme must be"},
		{name: "bad scheme", initialCluster: "a=ftp://h:1", token: "t", want: "URL scheme must be http, https, unix, or unixs"},
		{name: "missing port", initialCluster: "a=http://h", token: "t", want: `"host:port": http://h`},
		{name: "path", initialCluster: "a=http://h:1/x", token: "t", want: "must not contain a path"},
		{name: "not a URL", initialCluster: "a=http://h:x", token: "t", want: "invalid port"},
		{name: "not UTF-8", initialCluster: "a\xff=http://h:1", token: "t", want: "UTF-8"},
		{name: "URL twice in a member", initialCluster: "a=http://h:1,a=http://h:1", token: "t", want: `member "a" has the peer URL http://h:1 twice`},
		{name: "URL in two members", initialCluster: "b=http://h:1,a=http://h:1", token: "t", want: `members "a" and "b" have the same peer URL`},
		{name: "URLs equal once normalised", initialCluster: "a=HTTP://h:1,b=http://h:1", token: "t", want: "same peer URL"},
		{name: "unknown learner", initialCluster: members(2), token: "t", learners: []string{"m7"}, want: `learner "m7" is no member of the initial cluster, which has "m0", "m1"`},
		{name: "only learners", initialCluster: members(2), token: "t", learners: []string{"m0", "m1"}, want: "every member is a learner"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := membership.New(tc.initialCluster, tc.token, tc.learners)
			if !errors.Is(err, membership.ErrInvalid) || c != nil {
				t.Fatalf("got %+v and error %v, want ErrInvalid", c, err)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %q does not say %q", err, tc.want)
			}
		})
	}
}

func TestLearners(t *testing.T) {
	t.Parallel()
	c, err := membership.New(members(3), "t", []string{"m1", "m1"})
	if err != nil {
		t.Fatal(err)
	}
	requireSameAsEtcd(t, c, etcdCluster(t, members(3), "t"))
	m1, ok := c.Member("m1")
	if !ok || !m1.Learner {
		t.Errorf("m1 is %+v, want a learner", m1)
	}
	if got := c.Learners(); !slices.Equal(got, []uint64{m1.ID}) {
		t.Errorf("learners are %x, want %x", got, m1.ID)
	}
	if got := c.Voters(); len(got) != 2 || !slices.IsSorted(got) || slices.Contains(got, m1.ID) {
		t.Errorf("voters are %x, want the two others in ascending order", got)
	}
}

func TestCheckAdvertised(t *testing.T) {
	t.Parallel()
	c, err := membership.New("a=http://h:1,a=http://h:2,b=http://h:3", "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, member string
		urls         []string
		want         string // empty means accepted
	}{
		{name: "equal", member: "b", urls: []string{"http://h:3"}},
		{name: "other order and spelling", member: "a", urls: []string{" HTTP://h:2", "http://h:1"}},
		{name: "unknown member", member: "c", urls: []string{"http://h:3"}, want: `member "c" is not in the initial cluster, which has "a", "b"`},
		{name: "one URL missing", member: "a", urls: []string{"http://h:1"}, want: "http://h:1,http://h:2 in the initial cluster"},
		{name: "another member's URL", member: "b", urls: []string{"http://h:1"}, want: `member "b" advertises`},
		{name: "repeated URL", member: "b", urls: []string{"http://h:3", "http://h:3"}, want: `member "b" advertises`},
		{name: "none", member: "b", want: "no valid URLs given"},
		{name: "malformed", member: "b", urls: []string{"h:3"}, want: "advertised peer URLs"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := c.CheckAdvertised(tc.member, tc.urls)
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, membership.ErrInvalid) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want ErrInvalid that says %q", err, tc.want)
			}
		})
	}
}

func TestNewTokenIsFresh(t *testing.T) {
	t.Parallel()
	first, err := membership.NewToken()
	if err != nil {
		t.Fatal(err)
	}
	second, err := membership.NewToken()
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != len("etcd-restore-")+32 || !strings.HasPrefix(first, "etcd-restore-") {
		t.Errorf("token %q is not etcd-restore- and 128 bits in hex", first)
	}
	if first == second {
		t.Errorf("two tokens are both %q", first)
	}
}

// FuzzNew holds the parser to three properties on any input: it does not
// panic, what it accepts has etcd's IDs, and InitialCluster reads back to the
// same cluster.
func FuzzNew(f *testing.F) {
	for _, seed := range []string{
		members(3), "a=http://h:1,a=http://h:2", "a=unix:///x,b=unixs:y", "a=http://[::1]:1",
		"a=http://h:1?x=y#z", "a=unix://h/%2f?#", "=,a,==b", "a=HTTP://H:1, ",
	} {
		f.Add(seed, "token", "a")
	}
	f.Fuzz(func(t *testing.T, initialCluster, token, learner string) {
		c, err := membership.New(initialCluster, token, []string{learner})
		if err != nil {
			c, err = membership.New(initialCluster, token, nil)
		}
		if err != nil {
			if !errors.Is(err, membership.ErrInvalid) {
				t.Errorf("error %v is not ErrInvalid", err)
			}
			return
		}
		requireSameAsEtcd(t, c, etcdCluster(t, initialCluster, token))
		again, err := membership.New(c.InitialCluster(), token, nil)
		if err != nil {
			t.Fatalf("%q gives %q, which is refused: %v", initialCluster, c.InitialCluster(), err)
		}
		if again.ID != c.ID || again.InitialCluster() != c.InitialCluster() {
			t.Errorf("%q does not round-trip: %q then %q", initialCluster, c.InitialCluster(), again.InitialCluster())
		}
	})
}
