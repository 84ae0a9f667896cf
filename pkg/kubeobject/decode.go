package kubeobject

import (
	"errors"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	cborserializer "k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
)

// Decoder turns what is stored into objects.
type Decoder struct {
	Decrypter Decrypter // nil: encrypted values are an [EncryptedError]
}

// Object decodes the value of key, which was last changed at revision mod, into
// what a client of the API server would be given: in the version in which it was stored.
func (d Decoder) Object(key string, value []byte, mod int64) (*unstructured.Unstructured, error) {
	plain, err := d.Plain(key, value)
	if err != nil {
		return nil, err
	}
	o, err := decode(plain)
	if err != nil {
		return nil, err
	}
	if o.GetAPIVersion() == "" || o.GetKind() == "" {
		return nil, ErrNoObject
	}
	if _, ok := o.Object["metadata"].(map[string]any); !ok {
		return nil, fmt.Errorf("%w: %s without metadata", ErrNoObject, o.GetKind())
	}
	serveCRD(o)
	o.SetResourceVersion(strconv.FormatInt(mod, 10)) // not stored: the API server takes it from there too
	return o, nil
}

// Plain is a value as it was before it was encrypted, if it was.
func (d Decoder) Plain(key string, value []byte) ([]byte, error) {
	stored, encrypted := encryption.Parse(value)
	switch {
	case !encrypted:
		return value, nil
	case d.Decrypter == nil:
		return nil, &EncryptedError{stored}
	}
	plain, err := d.Decrypter.Decrypt(key, value)
	switch {
	case errors.Is(err, ErrEncrypted):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: decrypt with key %q of %s: %w", ErrDamaged, stored.Key, stored.Provider, err)
	}
	return plain, nil
}

func decode(plain []byte) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{}
	switch encodingOf(plain) {
	case asProtobuf:
		return fromProtobuf(plain)
	case asJSON:
		if err := kjson.Unmarshal(plain, &o.Object); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return o, nil
	case asCBOR:
		s := cborserializer.NewSerializer(scheme.Scheme, scheme.Scheme)
		if _, _, err := s.Decode(plain, nil, o); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return o, nil
	}
	return nil, ErrNoObject
}

// fromProtobuf decodes an object of a built-in kind. It goes through the JSON that
// an API server would send of it, since that is what clients know.
func fromProtobuf(plain []byte) (*unstructured.Unstructured, error) {
	typed, gvk, err := scheme.Codecs.UniversalDeserializer().Decode(plain, nil, nil)
	switch {
	case runtime.IsNotRegisteredError(err) && gvk != nil:
		return nil, fmt.Errorf("%w: %s", ErrUnknownKind, gvk)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	typed.GetObjectKind().SetGroupVersionKind(*gvk)
	text, err := kjson.Marshal(typed)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	o := &unstructured.Unstructured{}
	if err := kjson.Unmarshal(text, &o.Object); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return o, nil
}
