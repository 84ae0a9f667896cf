package kubediff

import (
	"bytes"
	"context"
	"iter"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// State is all objects of a cluster at some time, by key. [kubeobject.Index] is one.
type State interface {
	// All visits them in the order of their keys.
	All() iter.Seq[kubeobject.Entry]
	// Value hands the value of one, as it is stored, to visit, which must copy what it
	// keeps.
	Value(e kubeobject.Entry, visit func([]byte) error) error
	// Object decodes one.
	Object(e kubeobject.Entry) (*unstructured.Unstructured, error)
}

// Compare visits, in the order of their keys, the objects that a restore of snapshot
// would change in a cluster in the state other. It holds nothing of what it has visited.
func Compare(ctx context.Context, snapshot, other State, o Options, visit func(Change) error) error {
	nextA, stopA := iter.Pull(snapshot.All())
	defer stopA()
	nextB, stopB := iter.Pull(other.All())
	defer stopB()
	c := comparison{snapshot, other, o}
	a, moreA := nextA()
	b, moreB := nextB()
	for n := 0; moreA || moreB; n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		var change *Change
		var err error
		switch {
		case !moreB || moreA && a.Key < b.Key:
			change, err = c.one(Restore, snapshot, a)
			a, moreA = nextA()
		case !moreA || b.Key < a.Key:
			change, err = c.one(Remove, other, b)
			b, moreB = nextB()
		default:
			change, err = c.both(a, b)
			a, moreA = nextA()
			b, moreB = nextB()
		}
		if err == nil && change != nil {
			err = visit(*change)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

type comparison struct {
	snapshot, other State
	Options
}

// one is a change of what only one side has.
func (c comparison) one(op Op, state State, e kubeobject.Entry) (*Change, error) {
	if !c.wants(e.Path) {
		return nil, nil
	}
	change := &Change{Op: op, Path: e.Path, Key: e.Key, Noise: restless(e.Resource)}
	if e.Resource != services() {
		return change, nil
	}
	o, err := state.Object(e)
	if err != nil && !kubeobject.IsOfValue(err) {
		return nil, err
	}
	change.LoadBalancer = err == nil && isLoadBalancer(o)
	return change, nil
}

// both compares what both sides have.
func (c comparison) both(a, b kubeobject.Entry) (*Change, error) {
	sameSize := a.Size == b.Size || a.Size == 0 || b.Size == 0
	if a.Mod == b.Mod && a.Create == b.Create && sameSize || !c.wants(a.Path) {
		return nil, nil
	}
	same, encrypted, err := c.sameBytes(a, b)
	if err != nil || same {
		return nil, err
	}
	change := &Change{Op: Alter, Path: a.Path, Key: a.Key, Noise: restless(a.Resource)}
	if change.Noise && !c.Noise || !c.Fields && !encrypted && !fidgets(a.Resource) && a.Resource != services() {
		return change, nil
	}
	was, err := c.other.Object(b)
	if err == nil {
		var will *unstructured.Unstructured
		if will, err = c.snapshot.Object(a); err == nil {
			if encrypted && len(Fields(will, was, true)) == 0 { // encrypted anew
				return nil, nil
			}
			change.compare(will, was, c.Options)
			return change, nil
		}
	}
	if !kubeobject.IsOfValue(err) {
		return nil, err
	}
	change.Err = err
	return change, nil
}

// compare finds out how the object differs.
func (c *Change) compare(will, was *unstructured.Unstructured, o Options) {
	fields := Fields(will, was, o.Secret)
	c.Noise = c.Noise || fidgets(c.Resource) && onlyNoise(c.Resource, fields)
	c.LoadBalancer = isLoadBalancer(will) || isLoadBalancer(was)
	if o.Fields {
		c.Fields = fields
	}
}

// envelope is more bytes than what is beside the value of a record and what a provider of
// encryption adds to it can take. Records that differ by more hold different values.
const envelope = 256

// sameBytes compares two values as they are stored. Those that are encrypted may differ
// and hold the same.
func (c comparison) sameBytes(a, b kubeobject.Entry) (same, encrypted bool, err error) {
	if a.Size > 0 && b.Size > 0 && max(a.Size-b.Size, b.Size-a.Size) > envelope {
		return false, false, nil
	}
	err = c.snapshot.Value(a, func(x []byte) error {
		return c.other.Value(b, func(y []byte) error {
			_, ex := encryption.Parse(x)
			_, ey := encryption.Parse(y)
			same, encrypted = bytes.Equal(x, y), ex || ey
			return nil
		})
	})
	return same, encrypted, err
}
