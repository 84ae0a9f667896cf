package encryption

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/nacl/secretbox"
)

// opener decrypts what is behind the name of its key. It is a function so that the key
// is nowhere to be printed.
type opener func(etcdKey, data []byte) ([]byte, error)

// cbc is aescbc: 16 bytes of IV, then blocks with PKCS #7 padding
// (k8s.io/apiserver/pkg/storage/value/encrypt/aes/aes.go). Nothing is authenticated, so
// that a wrong key opens one value in 250 to nonsense.
func cbc(block cipher.Block) opener {
	return func(_, data []byte) ([]byte, error) {
		if len(data) < 2*aes.BlockSize || len(data)%aes.BlockSize != 0 {
			return nil, fmt.Errorf("%w: it has %d bytes, which are no IV and blocks of %d", ErrDamaged, len(data), aes.BlockSize)
		}
		out := bytes.Clone(data[aes.BlockSize:])
		cipher.NewCBCDecrypter(block, data[:aes.BlockSize]).CryptBlocks(out, out)
		return unpad(out)
	}
}

// unpad takes off as many bytes as the last one says, if all of them say so. As the
// server does, it takes paddings that are longer than a block.
func unpad(b []byte) ([]byte, error) {
	last := b[len(b)-1]
	size := len(b) - int(last)
	if last == 0 || size < 0 {
		return nil, ErrWrongKey
	}
	for _, c := range b[size:] {
		if c != last {
			return nil, ErrWrongKey
		}
	}
	return b[:size], nil
}

// gcm is aesgcm: 12 bytes of nonce, then what the nonce and the key in etcd are
// authenticated with (aes.go as above; etcd3/store.go there gives the key of the object,
// with --etcd-prefix).
func gcm(block cipher.Block) (opener, error) {
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce := aead.NonceSize()
	return func(etcdKey, data []byte) ([]byte, error) {
		if len(data) < nonce+aead.Overhead() {
			return nil, fmt.Errorf("%w: it has %d bytes, a nonce and a tag have %d", ErrDamaged, len(data), nonce+aead.Overhead())
		}
		out, err := aead.Open(nil, data[:nonce], data[nonce:], etcdKey)
		if err != nil {
			return nil, ErrWrongKey
		}
		return out, nil
	}, nil
}

// box is secretbox: 24 bytes of nonce, then a box of NaCl
// (k8s.io/apiserver/pkg/storage/value/encrypt/secretbox/secretbox.go).
func box(key [32]byte) opener {
	return func(_, data []byte) ([]byte, error) {
		var nonce [24]byte
		if len(data) < len(nonce)+secretbox.Overhead {
			return nil, fmt.Errorf("%w: it has %d bytes, a nonce and a tag have %d", ErrDamaged, len(data), len(nonce)+secretbox.Overhead)
		}
		copy(nonce[:], data)
		out, ok := secretbox.Open(nil, data[len(nonce):], &nonce, &key)
		if !ok {
			return nil, ErrWrongKey
		}
		return out, nil
	}
}
