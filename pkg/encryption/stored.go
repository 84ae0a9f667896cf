package encryption

import (
	"bytes"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// The beginning of everything that is encrypted (identity.go of k8s.io/apiserver), and
// of what each provider writes (encryptionconfig/config.go there). The name of a key, or
// of a KMS plugin, and a colon follow.
const (
	encrypted       = "k8s:enc:"
	prefixAESCBC    = "k8s:enc:aescbc:v1:"
	prefixAESGCM    = "k8s:enc:aesgcm:v1:"
	prefixSecretbox = "k8s:enc:secretbox:v1:"
	prefixKMSv1     = "k8s:enc:kms:v1:"
	prefixKMSv2     = "k8s:enc:kms:v2:"
)

// Stored is what a value says in the clear of how it is encrypted.
type Stored struct {
	Provider string `json:"provider"`        // "aescbc", "aesgcm", "secretbox", "kms"
	Version  string `json:"version"`         // "v1", "v2"
	Key      string `json:"key"`             // name of the key, or of the KMS plugin
	KeyID    string `json:"keyID,omitempty"` // of the key in the KMS, of kms v2
}

// maxName is more than any provider, version or name of a key has: what is longer is
// no beginning of a value.
const maxName = 1 << 10

// Parse reads the beginning of a stored value. It is false for one that is not
// encrypted. What it cannot read it leaves empty; one that ends where the provider is
// expected is called by all that it has.
func Parse(value []byte) (Stored, bool) {
	rest, found := bytes.CutPrefix(value, []byte(encrypted))
	if !found {
		return Stored{}, false
	}
	var s Stored
	for _, field := range []*string{&s.Provider, &s.Version, &s.Key} {
		name, _, found := bytes.Cut(rest[:min(len(rest), maxName)], []byte{':'})
		if !found {
			if field == &s.Provider && len(rest) <= maxName {
				s.Provider = string(rest)
			}
			return s, true
		}
		*field, rest = string(name), rest[len(name)+1:]
	}
	if s.Provider == "kms" && s.Version == "v2" {
		s.KeyID = keyID(rest)
	}
	return s, true
}

// Name is how a person calls the provider: "aescbc", "kms v2".
func (s Stored) Name() string {
	if s.Version == "v1" && s.Provider != "kms" {
		return s.Provider
	}
	return strings.TrimSpace(s.Provider + " " + s.Version)
}

func (s Stored) String() string {
	if s.Provider == "kms" {
		return fmt.Sprintf("%s, plugin %q", s.Name(), s.Key)
	}
	return fmt.Sprintf("%s, key %q", s.Name(), s.Key)
}

// keyID is field 2 of an EncryptedObject (envelope/kmsv2/v2/api.proto of
// k8s.io/apiserver), "" if there is none.
func keyID(b []byte) string {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ""
		}
		b = b[n:]
		if num == 2 && typ == protowire.BytesType {
			id, n := protowire.ConsumeBytes(b)
			if n < 0 || len(id) > maxName {
				return ""
			}
			return string(id)
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return ""
		}
		b = b[n:]
	}
	return ""
}
