package etcdrestore

import (
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// decrypter decrypts the objects of a snapshot with the configuration of an API server.
type decrypter struct {
	config *encryption.Config
	layout *kubeobject.Layout
}

// newDecrypter reads the configuration in a file. Without one it is nil.
func newDecrypter(file, prefix string) (kubeobject.Decrypter, error) {
	if file == "" {
		return nil, nil
	}
	config, err := encryption.Load(file)
	if err != nil {
		return nil, err
	}
	if prefix == "" {
		prefix = kubeobject.DefaultPrefix
	}
	return decrypter{config, kubeobject.NewLayout(prefix)}, nil
}

// Decrypt implements kubeobject.Decrypter. What it cannot read is as good as encrypted
// without a key: the API server could not read it either.
func (d decrypter) Decrypt(key string, value []byte) ([]byte, error) {
	plain, err := d.config.Decrypt(d.layout.Path(key).Resource.String(), []byte(key), value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", kubeobject.ErrEncrypted, err)
	}
	return plain, nil
}
