package undo

import (
	"context"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// Plan settles what becomes of the wanted objects, and changes nothing. With force what
// is there and differs is replaced. What concerns one object is in its item; an error is
// that of the database, or of an API server that nothing can be asked. tell hears how many
// objects of how many have been looked at.
func (c *Cluster) Plan(ctx context.Context, s Snapshot, want Selection, force bool, tell func(done, total int)) (*Plan, error) {
	if err := c.learn(); err != nil {
		return nil, err
	}
	items, err := s.choose(ctx, want)
	if err != nil {
		return nil, err
	}
	if items, err = s.need(items); err != nil {
		return nil, err
	}
	for n, i := range items {
		tell(n, len(items))
		if i.object == nil {
			continue
		}
		if err := c.look(ctx, i, force); err != nil {
			return nil, err
		}
	}
	for _, i := range items {
		if i.Action == Create && i.object.GetKind() == "PersistentVolumeClaim" {
			if err := c.findVolume(ctx, i, items); err != nil {
				return nil, err
			}
		}
	}
	settleNamespaces(items)
	items = slices.DeleteFunc(items, func(i *Item) bool { return i.Needed && i.live != nil && i.Action != Fail })
	if err := c.link(ctx, items); err != nil {
		return nil, err
	}
	items = sort(items)
	settleOwned(items)
	p := &Plan{Items: items, cluster: c, force: force, byPath: map[kubeobject.Path]*Item{}}
	for _, i := range items {
		p.byPath[i.Path] = i
	}
	if err := p.compareClusters(ctx, s); err != nil {
		return nil, err
	}
	return p, p.rehearse(ctx, tell)
}

// compareClusters warns if the snapshot is of another cluster: that is no mistake of its
// own, but may be one.
func (p *Plan) compareClusters(ctx context.Context, s Snapshot) error {
	const name = "kube-system" // every cluster has one, made with it
	for _, e := range s.Index.Find(namespaceOf(name).Resource, "", name) {
		m, err := s.Index.Metadata(e)
		if err != nil {
			continue
		}
		live, err := p.cluster.get(ctx, m.GroupVersionKind(), "", name)
		if err != nil && !isAnswer(err) {
			return err
		}
		if live != nil && live.GetUID() != m.UID {
			p.Warnings = append(p.Warnings, "the snapshot is of another cluster: its "+name+" is not the one that is there")
		}
	}
	return nil
}

// look compares an item with what there is in the cluster.
func (c *Cluster) look(ctx context.Context, i *Item, force bool) (err error) {
	i.live, err = c.get(ctx, i.object.GroupVersionKind(), i.Namespace, i.Name)
	switch {
	case err != nil && !isAnswer(err):
		return err
	case i.live != nil:
		i.is = i.live.GetUID()
	}
	switch {
	case i.Action == Leave:
		return nil
	case err != nil && i.Needed: // the cluster will say of what needs it whether it is there
		i.leave("it could not be looked at")
		return nil
	case err != nil:
		i.fail(reason(err))
		return nil
	case i.live == nil:
		return nil
	}
	if i.live.GetDeletionTimestamp() != nil {
		i.fail("it is just being deleted: wait until it is gone, or see which finalizer keeps it")
		return nil
	}
	i.Fields = i.differs()
	switch {
	case len(i.Fields) == 0:
		i.Action = Same
	case force:
		i.Action = Replace
	default:
		i.Action = Conflict
	}
	return nil
}

// settleNamespaces fails what is in a namespace that is just being deleted.
func settleNamespaces(items []*Item) {
	doomed := map[string]string{}
	for _, i := range items {
		if i.Path == namespaceOf(i.Name) && i.Action == Fail {
			doomed[i.Name] = i.Reason
		}
	}
	for _, i := range items {
		if why, found := doomed[i.Namespace]; found && i.Action != Leave {
			i.fail("its namespace: " + why)
		}
	}
}
