package schema

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Lease is a value of the lease bucket.
type Lease struct {
	ID        int64
	TTL       int64 // seconds granted
	Remaining int64 // seconds left at the last checkpoint, 0 without one
}

// ParseLease reads an entry of the lease bucket.
func ParseLease(k, v []byte) (Lease, error) {
	var l Lease
	err := fields(v, func(num protowire.Number, typ protowire.Type, _ []byte, n uint64) bool {
		switch num {
		case 1:
			l.ID = int64(n)
		case 2:
			l.TTL = int64(n)
		case 3:
			l.Remaining = int64(n)
		default:
			return true
		}
		return typ == protowire.VarintType
	})
	if err != nil {
		return Lease{}, fmt.Errorf("%w: lease %x: %w", ErrMalformed, clip(k), err)
	}
	if len(k) != 8 || int64(binary.BigEndian.Uint64(k)) != l.ID {
		return Lease{}, fmt.Errorf("%w: lease %016x is stored under key %x", ErrMalformed, l.ID, clip(k))
	}
	return l, nil
}

// Alarm is a key of the alarm bucket.
type Alarm struct {
	MemberID uint64
	Type     uint64 // etcdserverpb.AlarmType
}

// String returns the name etcdctl prints.
func (a Alarm) String() string {
	switch a.Type {
	case 1:
		return "NOSPACE"
	case 2:
		return "CORRUPT"
	}
	return fmt.Sprintf("alarm %d", a.Type)
}

// ParseAlarm reads an entry of the alarm bucket.
func ParseAlarm(k []byte) (Alarm, error) {
	var a Alarm
	err := fields(k, func(num protowire.Number, typ protowire.Type, _ []byte, n uint64) bool {
		switch num {
		case 1:
			a.MemberID = n
		case 2:
			a.Type = n
		default:
			return true
		}
		return typ == protowire.VarintType
	})
	if err != nil {
		return Alarm{}, fmt.Errorf("%w: alarm %x: %w", ErrMalformed, clip(k), err)
	}
	return a, nil
}

// Member is a value of the members bucket, with its fields in etcd's order.
type Member struct {
	ID         uint64   `json:"id"`
	PeerURLs   []string `json:"peerURLs"`
	IsLearner  bool     `json:"isLearner,omitempty"`
	Name       string   `json:"name,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
}

// ParseMember reads an entry of the members bucket.
func ParseMember(k, v []byte) (Member, error) {
	var m Member
	if err := unmarshal(v, &m); err != nil {
		return Member{}, fmt.Errorf("%w: member %s: %w", ErrMalformed, clip(k), err)
	}
	if string(k) != MemberKey(m.ID) {
		return Member{}, fmt.Errorf("%w: member %x is stored under key %q", ErrMalformed, m.ID, clip(k))
	}
	return m, nil
}

// unmarshal decodes a copy: v may be mapped from a file that an etcd writes to, and
// encoding/json panics at what changes while it reads.
func unmarshal(v []byte, into any) error { return json.Unmarshal(bytes.Clone(v), into) }

// MemberKey is the key of a member in the members buckets.
func MemberKey(id uint64) string { return fmt.Sprintf("%x", id) }

// ParseIndex reads an index or term of the meta bucket.
func ParseIndex(name string, v []byte) (uint64, error) {
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: meta key %s has %d bytes, not 8", ErrMalformed, name, len(v))
	}
	return binary.BigEndian.Uint64(v), nil
}

// Index encodes an index or term of the meta bucket.
func Index(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// ParseDowngrade reads the downgrade key of the cluster bucket and reports
// whether a downgrade was under way.
func ParseDowngrade(v []byte) (enabled bool, err error) {
	var d struct {
		Enabled bool `json:"enabled"`
	}
	if err := unmarshal(v, &d); err != nil {
		return false, fmt.Errorf("%w: downgrade: %w", ErrMalformed, err)
	}
	return d.Enabled, nil
}
