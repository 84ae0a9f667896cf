package salvage

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/membershippb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

// decode reads the request that an entry carries. It returns nil for a request
// of the v2 API that says nothing of the cluster: such data was never part of
// the database.
func decode(data []byte) (*pb.InternalRaftRequest, error) {
	if old, ok := legacyRequest(data); ok {
		return old.upgrade()
	}
	req := &pb.InternalRaftRequest{}
	if err := proto.Unmarshal(data, req); err != nil {
		return nil, fmt.Errorf("%w: it holds no request: %w", datadir.ErrCorrupt, err)
	}
	return req, nil
}

// v2Request is what counts of an etcdserverpb.Request, with which etcd 3.4 and
// 3.5 publish the attributes of members and the cluster version.
type v2Request struct{ method, path, value string }

// legacyRequest reads a request of the v2 API, which etcd has written bare or as
// field 2 of an InternalRaftRequest. That field of a bare one is its method. To
// tell them apart by whether they decode would not do: a bare one can look like
// an empty put.
func legacyRequest(data []byte) (v2Request, bool) {
	outer, ok := byteFields(data)
	content := outer[2]
	switch {
	case !ok, content == nil:
		return v2Request{}, false
	case slices.Contains([]string{"", "GET", "PUT", "POST", "DELETE", "QGET", "SYNC", "HEAD"}, string(content)):
		return newV2Request(outer), true
	}
	inner, ok := byteFields(content)
	return newV2Request(inner), ok
}

func newV2Request(fields v2Fields) v2Request {
	return v2Request{string(fields[2]), string(fields[3]), string(fields[4])}
}

// v2Fields are the first fields of a message that hold bytes, by their number.
type v2Fields [5][]byte

// byteFields returns false if b is no message.
func byteFields(b []byte) (fields v2Fields, ok bool) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fields, false
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return fields, false
		}
		if kind == protowire.BytesType && int(number) < len(fields) {
			fields[number], _ = protowire.ConsumeBytes(b[:n])
		}
		b = b[n:]
	}
	return fields, true
}

// upgrade turns what concerns the cluster into a request as etcd 3.6 does (its
// v2ToV3Request).
func (r v2Request) upgrade() (*pb.InternalRaftRequest, error) {
	attributes := regexp.MustCompile(`^/0/members/[[:xdigit:]]{1,16}/attributes$`)
	switch {
	case r.method == "PUT" && r.path == "/0/version":
		return &pb.InternalRaftRequest{ClusterVersionSet: &membershippb.ClusterVersionSetRequest{Ver: r.value}}, nil
	case r.method == "PUT" && attributes.MatchString(r.path):
		return r.memberAttributes()
	}
	return nil, nil
}

func (r v2Request) memberAttributes() (*pb.InternalRaftRequest, error) {
	id, err := strconv.ParseUint(path.Base(path.Dir(r.path)), 16, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: member %s: %w", datadir.ErrCorrupt, r.path, err)
	}
	var attr struct {
		Name       string   `json:"name"`
		ClientURLs []string `json:"clientURLs"`
	}
	if err := json.Unmarshal([]byte(r.value), &attr); err != nil {
		return nil, fmt.Errorf("%w: attributes of member %x: %w", datadir.ErrCorrupt, id, err)
	}
	return &pb.InternalRaftRequest{ClusterMemberAttrSet: &membershippb.ClusterMemberAttrSetRequest{
		Member_ID:        id,
		MemberAttributes: &membershippb.Attributes{Name: attr.Name, ClientUrls: attr.ClientURLs},
	}}, nil
}
