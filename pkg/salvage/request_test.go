package salvage

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/api/v3/authpb"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"
	"go.etcd.io/etcd/server/v3/lease/leasepb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

// v2 is a request of the v2 API as etcd 3.4 and 3.5 write it.
func v2(method, path, value string) []byte {
	b := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 77)
	for i, text := range []string{method, path, value} {
		b = protowire.AppendString(protowire.AppendTag(b, protowire.Number(i+2), protowire.BytesType), text)
	}
	return protowire.AppendVarint(protowire.AppendTag(b, 5, protowire.VarintType), 0)
}

// wrapped puts a request of the v2 API into an InternalRaftRequest.
func wrapped(request []byte) []byte {
	b := protowire.AppendBytes(protowire.AppendTag(nil, 100, protowire.BytesType), []byte{8, 1})
	return protowire.AppendBytes(protowire.AppendTag(b, 2, protowire.BytesType), request)
}

func TestDecode(t *testing.T) {
	t.Parallel()
	attributes := &pb.InternalRaftRequest{ClusterMemberAttrSet: &membershippb.ClusterMemberAttrSetRequest{
		Member_ID: 0xabc, MemberAttributes: &membershippb.Attributes{Name: "m1", ClientUrls: []string{"http://c:1"}},
	}}
	version := &pb.InternalRaftRequest{ClusterVersionSet: &membershippb.ClusterVersionSetRequest{Ver: "3.5.0"}}
	emptyPut := &pb.InternalRaftRequest{Put: &pb.PutRequest{}}
	plain, err := proto.Marshal(emptyPut)
	if err != nil {
		t.Fatal(err)
	}
	const json = `{"name":"m1","clientURLs":["http://c:1"]}`
	for name, tc := range map[string]struct {
		data []byte
		want *pb.InternalRaftRequest
		err  error
	}{
		"attributes":            {v2("PUT", "/0/members/abc/attributes", json), attributes, nil},
		"attributes, wrapped":   {wrapped(v2("PUT", "/0/members/abc/attributes", json)), attributes, nil},
		"version":               {v2("PUT", "/0/version", "3.5.0"), version, nil},
		"version, wrapped":      {wrapped(v2("PUT", "/0/version", "3.5.0")), version, nil},
		"a key of the v2 API":   {v2("PUT", "/1/key", "value"), nil, nil},
		"raft attributes":       {v2("PUT", "/0/members/abc/raftAttributes", "{}"), nil, nil},
		"sync":                  {v2("SYNC", "", ""), nil, nil},
		"delete of the version": {v2("DELETE", "/0/version", ""), nil, nil},
		"attributes of garbage": {v2("PUT", "/0/members/abc/attributes", "{"), nil, datadir.ErrCorrupt},
		"put of nothing":        {plain, emptyPut, nil},
		"garbage":               {[]byte("\xff\xff\xff"), nil, datadir.ErrCorrupt},
	} {
		got, err := decode(tc.data)
		if diff := cmp.Diff(tc.want, got, protocmp.Transform()); diff != "" || !errors.Is(err, tc.err) {
			t.Errorf("%s: error %v, want %v (-want +got)\n%s", name, err, tc.err, diff)
		}
	}
}

// FuzzDecode: whatever an entry holds, it is a request, none or ErrCorrupt.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add(v2("PUT", "/0/version", "3.5.0"))
	f.Add(wrapped(v2("PUT", "/0/members/abc/attributes", `{"name":"m1"}`)))
	f.Add(put(2, 5).Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		req, err := decode(data)
		if err != nil && (req != nil || !errors.Is(err, datadir.ErrCorrupt)) {
			t.Errorf("%v, %v", req, err)
		}
	})
}

// enabling are the requests that close a cluster to all but root.
func enabling() []*pb.InternalRaftRequest {
	return []*pb.InternalRaftRequest{
		{AuthUserAdd: &pb.AuthUserAddRequest{Name: "root", Options: &authpb.UserAddOptions{NoPassword: true}}},
		{AuthRoleAdd: &pb.AuthRoleAddRequest{Name: "root"}},
		{AuthUserGrantRole: &pb.AuthUserGrantRoleRequest{User: "root", Role: "root"}},
		{AuthEnable: &pb.AuthEnableRequest{}},
	}
}

// What is hard to get from a server in time.
func TestReplayOfRareRequests(t *testing.T) {
	t.Parallel()
	as := func(revision uint64, key string) *pb.InternalRaftRequest {
		return &pb.InternalRaftRequest{
			Header: &pb.RequestHeader{Username: "root", AuthRevision: revision},
			Put:    &pb.PutRequest{Key: []byte(key)},
		}
	}
	requests := append([]*pb.InternalRaftRequest{
		{ClusterVersionSet: &membershippb.ClusterVersionSetRequest{Ver: "3.6.0"}},
		{LeaseGrant: &pb.LeaseGrantRequest{ID: 5, TTL: 100}},
		{LeaseCheckpoint: &pb.LeaseCheckpointRequest{Checkpoints: []*pb.LeaseCheckpoint{{ID: 5, Remaining_TTL: 40}}}},
		{DowngradeInfoSet: &membershippb.DowngradeInfoSetRequest{Enabled: true, Ver: "3.5.0"}},
		{ClusterMemberAttrSet: &membershippb.ClusterMemberAttrSetRequest{Member_ID: 99, MemberAttributes: &membershippb.Attributes{Name: "nobody"}}},
		{Put: &pb.PutRequest{Key: []byte("no lease"), Lease: 6}},
		{Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_ACTIVATE, MemberID: 1, Alarm: pb.AlarmType_CORRUPT}},
		{Put: &pb.PutRequest{Key: []byte("corrupt")}},
		{Alarm: &pb.AlarmRequest{Action: pb.AlarmRequest_DEACTIVATE, MemberID: 1, Alarm: pb.AlarmType_CORRUPT}},
	}, enabling()...)
	requests = append(requests, as(1, "old"), as(4, "root's"), &pb.InternalRaftRequest{AuthDisable: &pb.AuthDisableRequest{}, Header: &pb.RequestHeader{Username: "root", AuthRevision: 4}}, as(0, "open"))
	c := three(1)
	for i, req := range requests {
		c.log = append(c.log, request(2, uint64(i+4), req))
	}
	next := uint64(len(requests) + 4)
	c.log = append(c.log,
		entry(2, next, v2("PUT", "/0/members/2/attributes", `{"name":"renamed","clientURLs":["http://c:2"]}`)),
		change(2, next+1, raftpb.ConfChangeAddLearnerNode, 4), promotion(2, next+2, 4), change(2, next+3, raftpb.ConfChangeRemoveNode, 3),
		change(2, next+4, raftpb.ConfChangeAddNode, 2), // refused: it is a member
		state(2, next+4))
	r, path := salvaged(t, Config{Sources: sources(c.make(t)), Tail: TailInclude})

	if diff := cmp.Diff(map[string]string{"root's": "", "open": ""}, keys(t, path)); diff != "" {
		t.Errorf("keys (-want +got)\n%s", diff)
	}
	lease := &leasepb.Lease{}
	if err := proto.Unmarshal([]byte(bucket(t, path, "lease")["\x00\x00\x00\x00\x00\x00\x00\x05"]), lease); err != nil || lease.RemainingTTL != 40 {
		t.Errorf("lease %v, %v", lease, err)
	}
	cluster := bucket(t, path, "cluster")
	if cluster["clusterVersion"] != "3.6.0" || !strings.Contains(cluster["downgrade"], "3.5.0") {
		t.Errorf("%v", cluster)
	}
	if len(bucket(t, path, "members_removed")) != 1 || len(bucket(t, path, "alarm")) != 0 {
		t.Error("a removed member is not listed, or an alarm is")
	}
	want := []Member{
		{"1", "m1", []string{"http://127.0.0.1:1"}, false},
		{"4", "m4", []string{"http://127.0.0.1:4"}, false},
		{"2", "renamed", []string{"http://127.0.0.1:2"}, false},
	}
	if diff := cmp.Diff(want, r.Members); diff != "" {
		t.Errorf("members (-want +got)\n%s", diff)
	}
}

func TestReplayRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		entry *raftpb.Entry
		want  error
	}{
		"later etcd":          {request(2, 4, &pb.InternalRaftRequest{ClusterVersionSet: &membershippb.ClusterVersionSetRequest{Ver: "3.8.0"}}), ErrVersion},
		"version of garbage":  {request(2, 4, &pb.InternalRaftRequest{ClusterVersionSet: &membershippb.ClusterVersionSetRequest{Ver: "x"}}), ErrReplay},
		"no attributes":       {request(2, 4, &pb.InternalRaftRequest{ClusterMemberAttrSet: &membershippb.ClusterMemberAttrSetRequest{Member_ID: 1}}), ErrReplay},
		"unknown request":     {request(2, 4, &pb.InternalRaftRequest{Header: &pb.RequestHeader{ID: 1}}), ErrReplay},
		"garbage":             {entry(2, 4, []byte{0xff}), datadir.ErrCorrupt},
		"change of garbage":   {&raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Term: new(uint64(2)), Index: new(uint64(4)), Data: []byte{0xff}}, datadir.ErrCorrupt},
		"change of nobody":    {&raftpb.Entry{Type: raftpb.EntryConfChange.Enum(), Term: new(uint64(2)), Index: new(uint64(4))}, datadir.ErrCorrupt},
		"change of version 2": {&raftpb.Entry{Type: raftpb.EntryConfChangeV2.Enum(), Term: new(uint64(2)), Index: new(uint64(4))}, datadir.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := three(1, tc.entry, state(2, 4)).make(t)
			if _, err := fails(t, Config{Sources: sources(dir), Tail: TailInclude}, tc.want); strings.Contains(fmt.Sprint(err), "goroutine") || !hinted(err) {
				t.Errorf("%v (hint: %t)", err, hinted(err))
			}
		})
	}
}
