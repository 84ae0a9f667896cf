package datadir

import "google.golang.org/protobuf/encoding/protowire"

// Metadata says whose log it is. It is etcdserverpb.Metadata, whose package
// cannot be imported here because it brings gRPC with it.
type Metadata struct {
	MemberID  uint64 // field 1, varint
	ClusterID uint64 // field 2, varint
}

// field returns where a field of the encoded message goes, or nil.
func (m *Metadata) field(number protowire.Number, kind protowire.Type) *uint64 {
	switch {
	case number == 1 && kind == protowire.VarintType:
		return &m.MemberID
	case number == 2 && kind == protowire.VarintType:
		return &m.ClusterID
	}
	return nil
}

func (m Metadata) encode() []byte {
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, m.MemberID)
	b = protowire.AppendTag(b, 2, protowire.VarintType)
	return protowire.AppendVarint(b, m.ClusterID)
}

func decodeMetadata(b []byte) (Metadata, error) {
	var m Metadata
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return Metadata{}, protowire.ParseError(n)
		}
		b = b[n:]
		if field := m.field(number, kind); field != nil {
			*field, n = protowire.ConsumeVarint(b)
		} else {
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return Metadata{}, protowire.ParseError(n)
		}
		b = b[n:]
	}
	return m, nil
}
