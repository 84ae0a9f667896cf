package schema

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/etcdserver/version"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"google.golang.org/protobuf/proto"
)

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func leaseKey(id int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func TestLease(t *testing.T) {
	t.Parallel()
	for _, want := range []Lease{{ID: 1, TTL: 60}, {ID: 0x7587_0000_0000_0001, TTL: 3600, Remaining: 17}, {ID: -2, TTL: -1, Remaining: -1}} {
		v := marshal(t, &leasepb.Lease{ID: want.ID, TTL: want.TTL, RemainingTTL: want.Remaining})
		if got, err := ParseLease(leaseKey(want.ID), v); err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
	}
	good := marshal(t, &leasepb.Lease{ID: 7, TTL: 60})
	for name, tc := range map[string]struct{ key, value []byte }{
		"another key":  {leaseKey(8), good},
		"short key":    {leaseKey(7)[1:], good},
		"long key":     {append(leaseKey(7), 0), good},
		"no key":       {nil, good},
		"cut":          {leaseKey(7), good[:len(good)-1]},
		"empty":        {leaseKey(7), nil},
		"another type": {leaseKey(7), marshal(t, &etcdserverpb.PutRequest{Key: []byte("a message with bytes in its first field")})},
	} {
		if got, err := ParseLease(tc.key, tc.value); !errors.Is(err, ErrMalformed) || len(err.Error()) > 300 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestAlarm(t *testing.T) {
	t.Parallel()
	for want, theirs := range map[Alarm]*etcdserverpb.AlarmMember{
		{MemberID: 1<<63 + 5, Type: 1}: {MemberID: 1<<63 + 5, Alarm: etcdserverpb.AlarmType_NOSPACE},
		{MemberID: 6, Type: 2}:         {MemberID: 6, Alarm: etcdserverpb.AlarmType_CORRUPT},
		{MemberID: 7}:                  {MemberID: 7},
	} {
		got, err := ParseAlarm(marshal(t, theirs))
		if err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		if want.Type != 0 && got.String() != theirs.Alarm.String() {
			t.Errorf("%+v is called %s, etcd says %s", got, got, theirs.Alarm)
		}
	}
	if s := (Alarm{Type: 9}).String(); s != "alarm 9" {
		t.Error(s)
	}
	for _, bad := range []string{"\x08", "\x0a\x01x", "\xff\xff"} {
		if got, err := ParseAlarm([]byte(bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

// TestMember reads and writes a member as etcd's own type does.
func TestMember(t *testing.T) {
	t.Parallel()
	for _, theirs := range []*membership.Member{
		membership.NewMember("m0", types.MustNewURLs([]string{"http://127.0.0.1:2380", "http://[::1]:2380"}), "token", nil),
		membership.NewMemberAsLearner("", types.MustNewURLs([]string{"https://etcd.example:2380"}), "token", nil),
		{ID: 1, RaftAttributes: membership.RaftAttributes{PeerURLs: []string{"http://a:1"}}, Attributes: membership.Attributes{Name: "ü", ClientURLs: []string{"http://a:2"}}},
	} {
		v, err := json.Marshal(theirs)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseMember([]byte(theirs.ID.String()), v)
		want := Member{uint64(theirs.ID), theirs.PeerURLs, theirs.IsLearner, theirs.Name, theirs.ClientURLs}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v (-want +got) %s", err, diff)
		}
		if again, err := json.Marshal(got); err != nil || !bytes.Equal(again, v) {
			t.Errorf("written again %s, etcd writes %s, %v", again, v, err)
		}
	}
}

func TestMemberKey(t *testing.T) {
	t.Parallel()
	for _, id := range []uint64{0, 1, 0xABC, 0x0123456789ABCDEF, 1<<64 - 1} {
		if MemberKey(id) != types.ID(id).String() {
			t.Errorf("%d: %s, etcd writes %s", id, MemberKey(id), types.ID(id))
		}
	}
	for _, key := range []string{"", "AB", "0ab", "ac", "171", "0xab", strings.Repeat("a", 900)} { // 171 = 0xab
		_, err := ParseMember([]byte(key), []byte(`{"id":171,"peerURLs":["http://a:1"]}`))
		if !errors.Is(err, ErrMalformed) || len(err.Error()) > 200 {
			t.Errorf("member ab under key %q: %v", key, err)
		}
	}
	for _, value := range []string{"", "{", "removed", `{"id":"ab"}`, `{"id":-171}`, `[]`} {
		if _, err := ParseMember([]byte("ab"), []byte(value)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestIndex(t *testing.T) {
	t.Parallel()
	for _, n := range []uint64{0, 1, 1<<64 - 1} {
		if got, err := ParseIndex(TermKey, Index(n)); err != nil || got != n {
			t.Errorf("%d: %d, %v", n, got, err)
		}
	}
	for _, v := range [][]byte{nil, Index(1)[1:], append(Index(1), 0)} {
		if _, err := ParseIndex(TermKey, v); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), TermKey) {
			t.Errorf("%x: %v", v, err)
		}
	}
}

func TestDowngrade(t *testing.T) {
	t.Parallel()
	for _, want := range []bool{false, true} {
		v, err := json.Marshal(version.DowngradeInfo{TargetVersion: "3.6.0", Enabled: want})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseDowngrade(v); err != nil || got != want {
			t.Errorf("%s: %v, %v", v, got, err)
		}
	}
	if _, err := ParseDowngrade([]byte("no")); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
}
