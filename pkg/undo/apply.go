package undo

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// rehearse asks the API server in a dry run about all that is to be put back, where it
// can answer already.
func (p *Plan) rehearse(ctx context.Context, tell func(done, total int)) error {
	for n, i := range p.Items {
		tell(n, len(p.Items))
		if !i.puts() {
			continue
		}
		if i.Untried = p.tooEarly(i); i.Untried != "" {
			continue
		}
		if err := p.try(ctx, i); err != nil {
			return err
		}
	}
	settleOwned(p.Items) // by what has failed
	return nil
}

// tooEarly is why a dry run of an item would fail for no other reason than that
// something before it has not been done yet.
func (p *Plan) tooEarly(i *Item) string {
	if p.pending(i.crd) {
		return "its CRD is not there yet"
	}
	if p.pending(namespaceOf(i.Namespace)) {
		return "its namespace is not there yet"
	}
	if i.object.GetKind() == "Pod" {
		account, _, _ := unstructured.NestedString(i.object.Object, "spec", "serviceAccountName")
		if p.pending(kubeobject.Path{Resource: schema.GroupResource{Resource: "serviceaccounts"}, Namespace: i.Namespace, Name: account}) {
			return "its service account is not there yet"
		}
	}
	return ""
}

// pending reports whether an object is still to be put back.
func (p *Plan) pending(path kubeobject.Path) bool {
	i := p.byPath[path]
	return i != nil && !i.Done && i.puts()
}

// try sends an item in a dry run. An item that is refused fails.
func (p *Plan) try(ctx context.Context, i *Item) error {
	err := p.cluster.send(ctx, i, true)
	switch {
	case err == nil:
		i.Untried = ""
	case apierrors.IsAlreadyExists(err):
		return p.cluster.look(ctx, i, p.force || p.ours(i.Namespace))
	case strings.Contains(err.Error(), "does not support dry run"):
		i.Untried = "a webhook does not take part in dry runs"
	case isAnswer(err):
		i.fail(reason(err))
	default:
		return err
	}
	return nil
}

// ours reports whether this plan has made a namespace. What a controller has put there
// meanwhile, such as the default ServiceAccount, is to be as it was.
func (p *Plan) ours(namespace string) bool {
	i := p.byPath[namespaceOf(namespace)]
	return i != nil && i.Done
}

// Apply carries the plan out. It may be called again, and goes on where it has come to.
// What cannot be put back is an item that fails; the error is that of an API server that
// nothing can be asked any more, or of the context. tell hears how many objects of how
// many have had their turn.
func (p *Plan) Apply(ctx context.Context, tell func(done, total int)) error {
	turns, total := 0, p.Count(Create)+p.Count(Replace)
	done := func() {
		turns++
		tell(turns, total)
	}
	for at := definitions; at <= guards; at++ {
		var turn []*Item
		for _, i := range p.Items {
			if i.step == at && i.puts() && !i.Done {
				turn = append(turn, i)
			}
		}
		if err := p.take(ctx, turn, done); err != nil {
			return err
		}
		if at == definitions && len(turn) > 0 {
			if err := p.cluster.established(ctx, turn); err != nil {
				return err
			}
		}
	}
	return nil
}

// take puts back the items of one step: all are tried before the first is created.
func (p *Plan) take(ctx context.Context, items []*Item, done func()) error {
	for _, i := range items {
		if i.Untried != "" && p.tooEarly(i) == "" {
			if err := p.try(ctx, i); err != nil {
				return err
			}
		}
	}
	for _, i := range items {
		settleOwned([]*Item{i}) // an owner may have failed just now
		if !i.puts() {
			continue
		}
		if err := p.put(ctx, i); err != nil {
			return fmt.Errorf("%s %s: %w", i.Resource, i.Name, err)
		}
		done()
	}
	return nil
}

// put sends an item for good. If somebody was faster, it is looked at once more.
func (p *Plan) put(ctx context.Context, i *Item) error {
	err := p.cluster.send(ctx, i, false)
	if apierrors.IsAlreadyExists(err) {
		err = p.cluster.look(ctx, i, p.force || p.ours(i.Namespace))
		switch {
		case err == nil && i.Action == Replace:
			err = p.cluster.send(ctx, i, false)
		case err == nil && i.Action == Conflict:
			i.fail("somebody has just made another, which differs")
			return nil
		case err == nil:
			return nil
		}
	}
	switch {
	case err == nil:
		i.Done = true
	case isAnswer(err):
		i.fail(reason(err))
	default:
		return err
	}
	return nil
}
