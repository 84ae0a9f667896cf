package undo

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// owner is a reference to one, and who that is now.
type owner struct {
	metav1.OwnerReference
	controls bool
	item     *Item     // the owner, if it was chosen
	uid      types.UID // that of an owner of this name in the cluster, if it was not
}

func (o owner) String() string { return o.Kind + " " + o.Name }

// link finds the owners of all items.
func (c *Cluster) link(ctx context.Context, items []*Item) error {
	chosen := map[types.UID]*Item{}
	for _, i := range items {
		if i.was != "" { // it was read
			chosen[i.was] = i
		}
	}
	type object struct{ version, kind, namespace, name string }
	type found struct {
		uid types.UID
		err error
	}
	living := map[object]found{}
	for _, i := range items {
		for n := range i.owners {
			o := &i.owners[n]
			if o.item = chosen[o.UID]; o.item != nil || !i.puts() {
				continue
			}
			id := object{o.APIVersion, o.Kind, i.Namespace, o.Name}
			is, known := living[id]
			if !known {
				live, err := c.get(ctx, schema.FromAPIVersionAndKind(o.APIVersion, o.Kind), i.Namespace, o.Name)
				if err != nil && !isAnswer(err) {
					return err
				}
				if is.err = err; live != nil {
					is.uid = live.GetUID()
				}
				living[id] = is
			}
			switch o.uid = is.uid; {
			case i.Action == Replace: // it keeps the owners that it has
			case is.err != nil:
				i.note("its owner " + o.String() + " could not be looked at: it belongs to nobody now")
			case is.uid == "":
				i.note("its owner " + o.String() + " is not there: it belongs to nobody now")
			}
		}
	}
	return nil
}

// settleOwned settles what becomes of items because of their owners, which have been
// settled before.
func settleOwned(items []*Item) {
	for _, i := range items {
		for _, o := range i.owners {
			if !i.puts() {
				break
			}
			switch {
			case o.item != nil && o.item.is == "" && (o.item.Action == Fail || o.item.Action == Leave):
				i.leave("its owner " + o.String() + " is not put back")
			case o.controls && remade(o.Kind, i.object.GetKind()) && (o.item != nil || o.uid != ""):
				i.leave("its " + o.Kind + " makes it again")
			}
		}
	}
}

// references are those to the owners as they are now. In a dry run an owner that is still
// to be created has the UID that it had.
func (i *Item) references(dry bool) (refs []metav1.OwnerReference) {
	for _, o := range i.owners {
		ref := o.OwnerReference
		switch {
		case o.item == nil:
			ref.UID = o.uid
		case o.item.is != "" || !dry:
			ref.UID = o.item.is
		}
		if ref.UID != "" {
			refs = append(refs, ref)
		}
	}
	return refs
}
