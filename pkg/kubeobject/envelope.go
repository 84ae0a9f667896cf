package kubeobject

import "bytes"

// Decrypter decrypts values.
type Decrypter interface {
	// Decrypt returns what was encrypted as value, k8s:enc: and all, below key,
	// to which the encryption is bound. An error that is ErrEncrypted says that it
	// lacks the key; any other, that the value is damaged.
	Decrypt(key string, value []byte) ([]byte, error)
}

// encoding is how an object is stored.
type encoding int

const (
	asForeign encoding = iota
	asProtobuf
	asJSON
	asCBOR
)

// IsObject reports whether a value, in the clear, begins as an object does.
func IsObject(value []byte) bool { return encodingOf(value) != asForeign }

func encodingOf(value []byte) encoding {
	switch {
	case bytes.HasPrefix(value, []byte(protobufPrefix)):
		return asProtobuf
	case bytes.HasPrefix(value, []byte(cborPrefix)):
		return asCBOR
	case bytes.HasPrefix(bytes.TrimLeft(value[:min(len(value), 64)], " \t\r\n"), []byte("{")):
		return asJSON
	}
	return asForeign
}

const (
	protobufPrefix = "k8s\x00"
	cborPrefix     = "\xd9\xd9\xf7" // the tag of self-described CBOR
)
