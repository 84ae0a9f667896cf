// Package encryption reads what an API server has encrypted before it stored it.
//
// The configuration is the server's own, --encryption-provider-config, and taken as
// strictly as the server takes it: one that this package accepts and a server refuses
// would be found out once all is stopped. The rules are those of Kubernetes 1.37:
//
//	types       k8s.io/apiserver/pkg/apis/apiserver/v1/types_encryption.go
//	validation  k8s.io/apiserver/pkg/apis/apiserver/validation/validation_encryption.go
//	selection   k8s.io/apiserver/pkg/server/options/encryptionconfig/config.go
//
// A stored value begins with who has encrypted it, "k8s:enc:aescbc:v1:key1:", and that
// is in the clear: see [Parse]. What a KMS plugin holds the key for is recognised, not
// decrypted: only the plugin can.
//
// Keys stay in this package, behind functions: no error and no form of printing shows
// them (invariant I10).
package encryption

import "errors"

var (
	// ErrConfig is returned for a configuration that the API server would refuse.
	ErrConfig = errors.New("invalid encryption configuration")

	// ErrUnreadable is returned for every value that the API server could not read.
	// It comes with one of those below.
	ErrUnreadable = errors.New("the API server cannot read it")

	// ErrNotCovered is for an encrypted value of a resource that the configuration
	// does not mention.
	ErrNotCovered = errors.New("the configuration does not cover the resource")
	// ErrNoProvider is for a value of a provider that the resource does not have.
	ErrNoProvider = errors.New("the resource has no such provider")
	// ErrNoKey is for a value whose key is not among those of the provider.
	ErrNoKey = errors.New("there is no key of that name")
	// ErrWrongKey is for a value that the key of that name does not open: the name
	// was given to another key, or the value is that of another object.
	ErrWrongKey = errors.New("authentication failed, it is another key of that name")
	// ErrDamaged is for a value that no key could open.
	ErrDamaged = errors.New("the value is cut short")
	// ErrPlugin is for a value whose key a KMS plugin holds. Whether the plugin gives
	// it can only be asked where the plugin runs.
	ErrPlugin = errors.New("its KMS plugin cannot be asked")
	// ErrPlain is for a value that is not encrypted, of a resource whose providers do
	// not include identity.
	ErrPlain = errors.New("it is not encrypted, and the resource has no provider identity")
)
