package undo

import (
	"context"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// Snapshot is where the objects come from.
type Snapshot struct {
	Index *kubeobject.Index
	Names *kubeobject.Names
}

// Selection says which objects are to come back.
type Selection struct {
	Wanted func(kubeobject.Path) bool
	Labels labels.Selector // nil: any
}

// choose reads what is wanted. An object that cannot be read is an item that fails, but
// one whose labels are asked for is not wanted then.
func (s Snapshot) choose(ctx context.Context, want Selection) (items []*Item, err error) {
	for e := range s.Index.All() {
		if e.Foreign || !want.Wanted(e.Path) || kubeobject.Unserved(e.Resource) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if want.Labels != nil && !want.Labels.Empty() {
			m, err := s.Index.Metadata(e)
			if err != nil && !kubeobject.IsOfValue(err) {
				return nil, err
			}
			if err != nil || !want.Labels.Matches(labels.Set(m.Labels)) {
				continue
			}
		}
		item, err := s.item(e)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// item reads an object.
func (s Snapshot) item(e kubeobject.Entry) (*Item, error) {
	i := &Item{Path: e.Path, Action: Create}
	o, err := s.Index.Object(e)
	if err != nil {
		if kubeobject.IsOfValue(err) {
			i.fail(err.Error())
			return i, nil
		}
		return nil, err
	}
	if crd, ok := s.Names.Definition(o.GroupVersionKind().GroupKind()); ok {
		i.crd = crd
	}
	i.step = stepOf(e.Resource, i.crd.Name != "")
	i.was, i.mod = o.GetUID(), strconv.FormatInt(e.Mod, 10)
	if why := leftOut(o); why != "" {
		i.leave(why)
	}
	for _, ref := range o.GetOwnerReferences() {
		i.owners = append(i.owners, owner{OwnerReference: ref, controls: ref.Controller != nil && *ref.Controller})
	}
	if i.Action == Create && restarts(o) {
		i.note("it had not finished, and begins anew")
	}
	asNew(o)
	i.object = o
	return i, nil
}

// need adds the namespaces and the CRDs that the items cannot be without, if the
// snapshot has them. Whether the cluster has them is found out later.
func (s Snapshot) need(items []*Item) ([]*Item, error) {
	have := map[kubeobject.Path]bool{}
	for _, i := range items {
		have[i.Path] = true
	}
	for _, i := range slices.Clone(items) {
		if !i.puts() {
			continue
		}
		for _, path := range []kubeobject.Path{namespaceOf(i.Namespace), i.crd} {
			if have[path] || path.Name == "" {
				continue
			}
			have[path] = true
			for _, e := range s.Index.Find(path.Resource, "", path.Name) {
				item, err := s.item(e)
				if err != nil {
					return nil, err
				}
				item.Needed = true
				items = append(items, item)
			}
		}
	}
	return items, nil
}
