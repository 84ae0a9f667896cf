package kubeobject

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
)

// Metadata decodes no more of the value of key than its kind and its metadata,
// which takes a fraction of the time, and works for kinds that this program was
// built without.
func (d Decoder) Metadata(key string, value []byte) (*metav1.PartialObjectMetadata, error) {
	plain, err := d.Plain(key, value)
	if err != nil {
		return nil, err
	}
	m := &metav1.PartialObjectMetadata{}
	switch encodingOf(plain) {
	case asProtobuf:
		err = protobufMetadata(plain[len(protobufPrefix):], m)
	case asJSON:
		err = kjson.Unmarshal(plain, m)
	case asCBOR:
		o, err := decode(plain)
		if err != nil {
			return nil, err
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, m); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	default:
		return nil, ErrNoObject
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if m.APIVersion == "" || m.Kind == "" {
		return nil, ErrNoObject
	}
	if m.APIVersion == crdStored && m.Kind == crdKind {
		m.APIVersion = crdServed
	}
	return m, nil
}

// protobufMetadata reads runtime.Unknown: type 1, raw 2. Of every kind that an API
// server stores the metadata are field 1 of raw.
func protobufMetadata(b []byte, m *metav1.PartialObjectMetadata) error {
	var raw []byte
	err := eachBytes(b, func(num protowire.Number, v []byte) error {
		switch num {
		case 1:
			var t runtime.TypeMeta
			err := t.Unmarshal(v)
			m.APIVersion, m.Kind = t.APIVersion, t.Kind
			return err
		case 2:
			raw = v
		}
		return nil
	})
	if err != nil {
		return err
	}
	return eachBytes(raw, func(num protowire.Number, v []byte) error {
		if num == 1 {
			return m.ObjectMeta.Unmarshal(v)
		}
		return nil
	})
}

// eachBytes visits the fields of a protobuf message that are bytes.
func eachBytes(b []byte, visit func(num protowire.Number, v []byte) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return protowire.ParseError(n)
		}
		if typ == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b)
			if err := visit(num, v); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}
