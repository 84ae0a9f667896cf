package kubeobject

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	etcdschema "github.com/etcd-restore/etcd-restore/pkg/schema"
)

// Index is everything that is live in a keyspace at one revision, by key. It holds
// the keys and where their values are, no values: some hundred bytes a key. It is
// valid while the database is open.
type Index struct {
	Summary

	decoder Decoder
	view    *keyspace.View
	live    []entry        // by key
	usage   []Usage        // what entry.resource points into
	dirs    map[string]int // place in usage
}

// Entry is a live key.
type Entry struct {
	Path
	Key    string
	Create int64 // revision that created it
	Mod    int64 // revision of its last change
	Size   int64 // bytes of its record in the database

	at etcdschema.Revision
}

// entry is an Entry in little memory.
type entry struct {
	key       string
	main, sub int64
	create    int64
	size      uint32
	dir       uint32 // how much of the key is dir
	resource  uint32
}

func newEntry(key string, dir, resource int, c keyspace.Change) entry {
	return entry{
		key: key, main: c.Rev.Main, sub: c.Rev.Sub, create: c.Create,
		size: uint32(c.Size), dir: uint32(dir), resource: uint32(resource),
	}
}

// Open reads the keys of a keyspace, without a look at any value.
func Open(ctx context.Context, view *keyspace.View, o Options) (*Index, error) {
	c, err := count(ctx, view, o, true)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(c.live, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return &Index{
		Summary: *c.summary(), decoder: Decoder{o.Decrypter},
		view: view, live: slices.Clip(c.live), usage: c.usage, dirs: c.dirs,
	}, nil
}

// Len is how many keys are live.
func (ix *Index) Len() int { return len(ix.live) }

// All visits all live keys in their order.
func (ix *Index) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, e := range ix.live {
			if !yield(ix.entry(e)) {
				return
			}
		}
	}
}

// Of visits the objects of a resource in the order of their keys.
func (ix *Index) Of(resource schema.GroupResource) iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, dir := range ix.dirsOf(resource) {
			for _, e := range ix.live[ix.lower(dir):] {
				if !strings.HasPrefix(e.key, dir) {
					break
				}
				if ix.usage[e.resource].Resource == resource && !yield(ix.entry(e)) {
					return
				}
			}
		}
	}
}

// dirsOf are the fronts of all keys of a resource, mostly one.
func (ix *Index) dirsOf(resource schema.GroupResource) (dirs []string) {
	if resource.Resource == other {
		return []string{""}
	}
	for dir, i := range ix.dirs {
		if ix.usage[i].Resource == resource {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}

// lower is the place of the first key that is not below key.
func (ix *Index) lower(key string) int {
	i, _ := slices.BinarySearchFunc(ix.live, key, func(e entry, key string) int { return strings.Compare(e.key, key) })
	return i
}

func (ix *Index) entry(e entry) Entry {
	u := ix.usage[e.resource]
	return Entry{
		Path: rest(e.key[e.dir:]).path(u.Resource, u.Foreign),
		Key:  e.key, Create: e.create, Mod: e.main, Size: int64(e.size),
		at: etcdschema.Revision{Main: e.main, Sub: e.sub},
	}
}

// Key finds the entry of a key.
func (ix *Index) Key(key string) (Entry, bool) {
	i := ix.lower(key)
	if i == len(ix.live) || ix.live[i].key != key {
		return Entry{}, false
	}
	return ix.entry(ix.live[i]), true
}

// Find returns the objects of a resource called name, in namespace or, if that is
// empty, in any. A resource without namespaces is not asked for one.
func (ix *Index) Find(resource schema.GroupResource, namespace, name string) (found []Entry) {
	if namespace == "" {
		for e := range ix.Of(resource) {
			if e.Name == name {
				found = append(found, e)
			}
		}
		return found
	}
	for _, dir := range ix.dirsOf(resource) {
		for _, below := range []string{namespace + "/" + name, name} {
			if e, ok := ix.Key(dir + below); ok && e.Name == name {
				found = append(found, e)
			}
		}
	}
	return found
}

// Value hands the value of an entry, as it is stored, to visit, which must copy
// what it keeps.
func (ix *Index) Value(e Entry, visit func(value []byte) error) error {
	found, err := ix.view.Read(e.at, func(kv etcdschema.KeyValue) error {
		if string(kv.Key) != e.Key {
			return fmt.Errorf("%w: revision %d_%d is of %q, not of %q", etcdschema.ErrMalformed, e.at.Main, e.at.Sub, kv.Key, e.Key)
		}
		return visit(kv.Value)
	})
	if err == nil && !found {
		return fmt.Errorf("%w: revision %d_%d is gone", etcdschema.ErrMalformed, e.at.Main, e.at.Sub)
	}
	return err
}

// Object decodes the object of an entry.
func (ix *Index) Object(e Entry) (o *unstructured.Unstructured, err error) {
	err = ix.Value(e, func(value []byte) (err error) {
		o, err = ix.decoder.Object(e.Key, value, e.Mod)
		return err
	})
	return o, err
}

// Metadata decodes no more of the object of an entry than its kind and metadata.
func (ix *Index) Metadata(e Entry) (m *metav1.PartialObjectMetadata, err error) {
	err = ix.Value(e, func(value []byte) (err error) {
		m, err = ix.decoder.Metadata(e.Key, value)
		return err
	})
	return m, err
}
