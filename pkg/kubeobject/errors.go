package kubeobject

import (
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
)

var (
	// ErrNoObject is returned for a value that is no Kubernetes object.
	ErrNoObject = errors.New("not a Kubernetes object")
	// ErrDamaged is returned for a value that begins as an object and is none.
	ErrDamaged = errors.New("the object is damaged")
	// ErrUnknownKind is returned for an object in protobuf of a kind that this
	// program was built without.
	ErrUnknownKind = errors.New("the kind of the object is not known to this program")
	// ErrResource is returned for a resource that neither Kubernetes nor the keyspace knows.
	ErrResource = errors.New("no such resource")
	// ErrNotFound is returned for an object that is not there.
	ErrNotFound = errors.New("not found")
	// ErrEncrypted is what [EncryptedError] is.
	ErrEncrypted = errors.New("the object is encrypted")
)

// EncryptedError is returned for an object that is encrypted, without the means
// to decrypt it.
type EncryptedError struct{ encryption.Stored }

func (e *EncryptedError) Error() string {
	return fmt.Sprintf("%v by %s with key %q", ErrEncrypted, e.Provider, e.Key)
}

// Is makes it ErrEncrypted.
func (e *EncryptedError) Is(target error) bool { return target == ErrEncrypted }

// IsOfValue reports whether err is about one value, and not about the database.
func IsOfValue(err error) bool {
	for _, e := range []error{ErrNoObject, ErrDamaged, ErrUnknownKind, ErrEncrypted} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
