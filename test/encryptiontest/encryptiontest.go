// Package encryptiontest encrypts values as an API server does, for tests of what reads
// them. It is written from the same sources as pkg/encryption and shares no code with it.
package encryptiontest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"testing"

	"golang.org/x/crypto/nacl/secretbox"
)

// Key is a key with its name.
type Key struct {
	Name   string
	Secret []byte
}

// NewKey makes a key of size bytes.
func NewKey(name string, size int) Key {
	k := Key{name, make([]byte, size)}
	_, _ = rand.Read(k.Secret) // it never fails
	return k
}

// YAML is the key as an element of a configuration's list, on one line.
func (k Key) YAML() string {
	return fmt.Sprintf("{name: %s, secret: %s}", k.Name, base64.StdEncoding.EncodeToString(k.Secret))
}

// Config is the text of a configuration: of resources, "secrets, '*.apps'", and
// providers, one a line.
func Config(resources string, providers ...string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [%s]\n  providers:\n", resources)
	for _, p := range providers {
		fmt.Fprintf(&b, "  - %s\n", p)
	}
	return b.String()
}

// Provider is the line of a provider with keys, for [Config].
func Provider(name string, keys ...Key) string {
	var list []string
	for _, k := range keys {
		list = append(list, k.YAML())
	}
	return fmt.Sprintf("%s: {keys: %s}", name, "["+join(list)+"]")
}

func join(list []string) string {
	var b bytes.Buffer
	for i, s := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(s)
	}
	return b.String()
}

// Encrypt makes the value of a key in etcd by provider: aescbc, aesgcm, secretbox.
func Encrypt(t testing.TB, provider string, k Key, etcdKey string, object []byte) []byte {
	t.Helper()
	head := []byte("k8s:enc:" + provider + ":v1:" + k.Name + ":")
	switch provider {
	case "secretbox":
		var nonce [24]byte
		_, _ = rand.Read(nonce[:])
		return secretbox.Seal(append(head, nonce[:]...), object, &nonce, (*[32]byte)(k.Secret))
	case "aesgcm":
		aead, err := cipher.NewGCM(block(t, k))
		if err != nil {
			t.Fatal(err)
		}
		nonce := make([]byte, aead.NonceSize())
		_, _ = rand.Read(nonce)
		return aead.Seal(append(head, nonce...), nonce, object, []byte(etcdKey))
	case "aescbc":
		iv := make([]byte, aes.BlockSize)
		_, _ = rand.Read(iv)
		pad := aes.BlockSize - len(object)%aes.BlockSize
		padded := append(bytes.Clone(object), bytes.Repeat([]byte{byte(pad)}, pad)...)
		cipher.NewCBCEncrypter(block(t, k), iv).CryptBlocks(padded, padded)
		return append(append(head, iv...), padded...)
	}
	t.Fatalf("no provider %s", provider)
	return nil
}

func block(t testing.TB, k Key) cipher.Block {
	t.Helper()
	b, err := aes.NewCipher(k.Secret)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
