package kubediff

import (
	"fmt"
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// Listed is a state whose values are asked for when they are needed: that of a live etcd.
type Listed struct {
	Layout  *kubeobject.Layout
	Decoder kubeobject.Decoder
	Get     func(key string) ([]byte, error) // as of when the keys were listed

	entries []kubeobject.Entry
}

// Add takes a key. They come in their order.
func (l *Listed) Add(key string, create, mod int64) {
	l.entries = append(l.entries, kubeobject.Entry{Path: l.Layout.Path(key), Key: key, Create: create, Mod: mod})
}

// All implements [State].
func (l *Listed) All() iter.Seq[kubeobject.Entry] { return slices.Values(l.entries) }

// Value implements [State].
func (l *Listed) Value(e kubeobject.Entry, visit func([]byte) error) error {
	value, err := l.Get(e.Key)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Key, err)
	}
	return visit(value)
}

// Object implements [State].
func (l *Listed) Object(e kubeobject.Entry) (o *unstructured.Unstructured, err error) {
	err = l.Value(e, func(value []byte) (err error) {
		o, err = l.Decoder.Object(e.Key, value, e.Mod)
		return err
	})
	return o, err
}
