package schema

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// KeyValue is a value of the key bucket. Its slices alias the bytes it was
// parsed from.
type KeyValue struct {
	Key     []byte
	Value   []byte
	Create  int64 // revision that created the key
	Mod     int64 // revision of this change
	Version int64 // changes since the creation
	Lease   int64 // 0: none

	disorder bool // the fields do not ascend
}

// ParseKeyValue reads a mvccpb.KeyValue without copying it. Fields it does not
// know are skipped, as protobuf demands.
func ParseKeyValue(b []byte) (KeyValue, error) {
	var kv KeyValue
	var last protowire.Number
	err := fields(b, func(num protowire.Number, typ protowire.Type, bytes []byte, n uint64) bool {
		kv.disorder = kv.disorder || num <= last
		last = num
		switch {
		case num == 1 && typ == protowire.BytesType:
			kv.Key = bytes
		case num == 2 && typ == protowire.VarintType:
			kv.Create = int64(n)
		case num == 3 && typ == protowire.VarintType:
			kv.Mod = int64(n)
		case num == 4 && typ == protowire.VarintType:
			kv.Version = int64(n)
		case num == 5 && typ == protowire.BytesType:
			kv.Value = bytes
		case num == 6 && typ == protowire.VarintType:
			kv.Lease = int64(n)
		default:
			return num > 6
		}
		return true
	})
	if err != nil {
		return KeyValue{}, fmt.Errorf("%w: key value: %w", ErrMalformed, err)
	}
	return kv, nil
}

// Canonical reports whether kv, read from size bytes, was written as etcd 3.4
// to 3.7 write it: in the order of the fields, none twice, none unknown.
func (kv KeyValue) Canonical(size int) bool { return !kv.disorder && kv.size() == size }

func (kv KeyValue) size() int {
	size := 0
	for _, b := range [][]byte{kv.Key, kv.Value} {
		if len(b) > 0 {
			size += 1 + protowire.SizeBytes(len(b))
		}
	}
	for _, n := range []int64{kv.Create, kv.Mod, kv.Version, kv.Lease} {
		if n != 0 {
			size += 1 + protowire.SizeVarint(uint64(n))
		}
	}
	return size
}

// fields calls f for every field of a protobuf message with its payload: bytes
// or a number. f returns false for a field of the wrong type.
func fields(b []byte, f func(num protowire.Number, typ protowire.Type, bytes []byte, n uint64) bool) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if num > protowire.MaxValidNumber {
			return fmt.Errorf("there is no field %d", num)
		}
		b = b[n:]
		var data []byte
		var number uint64
		switch typ {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		if !f(num, typ, data, number) {
			return fmt.Errorf("field %d has wire type %d", num, typ)
		}
		b = b[n:]
	}
	return nil
}
