package schema

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

func TestKeyValueOfEtcd(t *testing.T) {
	t.Parallel()
	for name, theirs := range keyValues() {
		b, err := proto.Marshal(theirs)
		if err != nil {
			t.Fatal(err)
		}
		kv, err := ParseKeyValue(b)
		if err != nil || !same(kv, theirs) {
			t.Errorf("%s: %+v, %v", name, kv, err)
		}
		if !kv.Canonical(len(b)) {
			t.Errorf("%s: not canonical, though etcd writes it so", name)
		}
	}
}

func keyValues() map[string]*mvccpb.KeyValue {
	return map[string]*mvccpb.KeyValue{
		"empty":     {},
		"tombstone": {Key: []byte("k")},
		"plain":     {Key: []byte("/registry/pods/a"), CreateRevision: 3, ModRevision: 300, Version: 2, Value: []byte("v")},
		"leased":    {Key: []byte("k"), CreateRevision: 3, ModRevision: 3, Version: 1, Value: []byte("v"), Lease: 0x7587_0000_0000_0001},
		"extreme":   {Key: []byte{0}, CreateRevision: math.MaxInt64, ModRevision: math.MinInt64, Version: -1, Lease: -1},
		"large":     {Key: []byte(strings.Repeat("k", 300)), Value: make([]byte, 1<<20), Version: 128},
	}
}

func same(kv KeyValue, theirs *mvccpb.KeyValue) bool {
	return bytes.Equal(kv.Key, theirs.Key) && bytes.Equal(kv.Value, theirs.Value) && kv.Create == theirs.CreateRevision &&
		kv.Mod == theirs.ModRevision && kv.Version == theirs.Version && kv.Lease == theirs.Lease
}

func TestMalformedKeyValues(t *testing.T) {
	t.Parallel()
	good, err := proto.Marshal(keyValues()["leased"])
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"cut":                      good[:len(good)-1],
		"cut in the key":           good[:2],
		"number where bytes are":   protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 1),
		"bytes where a number is":  protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), []byte("x")),
		"fixed where a number is":  protowire.AppendFixed64(protowire.AppendTag(nil, 6, protowire.Fixed64Type), 1),
		"field 0":                  {0},
		"endless varint":           bytes.Repeat([]byte{0xFF}, 11),
		"end of a group":           protowire.AppendTag(nil, 9, protowire.EndGroupType),
		"length beyond the end":    {0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F},
		"length of 2^64-1":         {0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01},
		"unknown field cut":        protowire.AppendTag(nil, 9, protowire.Fixed32Type),
		"reserved wire types":      {0x0E},
		"group that never ends":    protowire.AppendTag(nil, 9, protowire.StartGroupType),
		"trailing incomplete tag ": append(bytes.Clone(good), 0x80),
	} {
		if kv, err := ParseKeyValue(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, kv, err)
		}
	}
}

func TestNotCanonical(t *testing.T) {
	t.Parallel()
	good, err := proto.Marshal(keyValues()["leased"])
	if err != nil {
		t.Fatal(err)
	}
	key := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), []byte("k"))
	version := protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.VarintType), 1)
	for name, b := range map[string][]byte{
		"an unknown field":  protowire.AppendVarint(protowire.AppendTag(bytes.Clone(good), 9, protowire.VarintType), 1),
		"a field twice":     append(bytes.Clone(key), key...),
		"another order":     append(bytes.Clone(version), key...),
		"an overlong zero":  append(bytes.Clone(key), 0x20, 0x80, 0x00),
		"a zero":            append(bytes.Clone(key), 0x20, 0x00),
		"an overlong value": append(bytes.Clone(key), 0x20, 0x81, 0x00),
	} {
		if kv, err := ParseKeyValue(b); err != nil || kv.Canonical(len(b)) {
			t.Errorf("%s: canonical, %+v, %v", name, kv, err)
		}
	}
}

// FuzzKeyValue compares with the decoder of etcd 3.7. That one takes a known
// field of another type for an unknown field, as the decoder of etcd up to 3.6
// does not; such a value is refused here.
func FuzzKeyValue(f *testing.F) {
	for _, kv := range keyValues() {
		if b, err := proto.Marshal(kv); err == nil && len(b) < 1000 {
			f.Add(b)
			f.Add(append(b, b...))
		}
	}
	f.Add([]byte{0x4A, 0x01, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		kv, err := ParseKeyValue(b)
		var theirs mvccpb.KeyValue
		theirErr := proto.Unmarshal(b, &theirs)
		if err != nil {
			if theirErr == nil && len(theirs.ProtoReflect().GetUnknown()) == 0 {
				t.Fatalf("%x: %v, etcd reads %v", b, err, &theirs)
			}
			return
		}
		if theirErr != nil || !same(kv, &theirs) {
			t.Fatalf("%x: %+v, etcd reads %v, %v", b, kv, &theirs, theirErr)
		}
		again, err := proto.Marshal(&mvccpb.KeyValue{
			Key: kv.Key, Value: kv.Value, CreateRevision: kv.Create, ModRevision: kv.Mod, Version: kv.Version, Lease: kv.Lease,
		})
		if err != nil || kv.Canonical(len(b)) != bytes.Equal(again, b) {
			t.Fatalf("%x: canonical %v, etcd writes %x, %v", b, kv.Canonical(len(b)), again, err)
		}
	})
}
