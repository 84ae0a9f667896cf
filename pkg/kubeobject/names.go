package kubeobject

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Names are the kinds of a cluster: the built-in ones, and those that the CRDs in its
// keyspace tell of.
type Names struct {
	kinds []Kind
	keys  []schema.GroupResource // what keys were found of, whatever it is
}

// Names reads the CRDs. One that cannot be read, or decrypted, leaves its objects
// to be called as their keys call them.
func (ix *Index) Names() (*Names, error) {
	n := &Names{kinds: builtinKinds()}
	for _, u := range ix.Usage {
		n.keys = append(n.keys, u.Resource)
	}
	for e := range ix.Of(crdResource()) {
		o, err := ix.Object(e)
		if err != nil {
			if IsOfValue(err) {
				continue
			}
			return nil, err
		}
		if k, ok := customKind(o.Object); ok {
			n.kinds = append(n.kinds, k)
		}
	}
	return n, nil
}

func crdResource() schema.GroupResource {
	return schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}
}

// Resolve finds the resource that a person calls name: its plural, singular, kind
// or short name, with or without the group behind a dot. Case does not matter.
func (n *Names) Resolve(name string) (schema.GroupResource, error) {
	asked := strings.ToLower(name)
	for _, r := range n.keys {
		if strings.ToLower(r.String()) == asked && r.Group != "" {
			return r, nil
		}
	}
	word, group, _ := strings.Cut(asked, ".")
	var found []schema.GroupResource
	for _, k := range n.kinds {
		if k.is(word) && k.in(group) && !slices.Contains(found, k.Resource) {
			found = append(found, k.Resource)
		}
	}
	found = n.there(found)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		for _, r := range n.keys {
			if strings.ToLower(r.Resource) == asked {
				return r, nil
			}
		}
		return schema.GroupResource{}, fmt.Errorf("%w: %q", ErrResource, name)
	}
	var full []string
	for _, r := range found {
		full = append(full, r.String())
	}
	return schema.GroupResource{}, fmt.Errorf("%w: %q is one of %s", ErrResource, name, strings.Join(full, ", "))
}

// there are those of several resources that some key is of, if any is.
func (n *Names) there(found []schema.GroupResource) []schema.GroupResource {
	if len(found) < 2 {
		return found
	}
	some := slices.DeleteFunc(slices.Clone(found), func(r schema.GroupResource) bool { return !slices.Contains(n.keys, r) })
	if len(some) > 0 {
		return some
	}
	return found
}

// Stored is the resource in whose keys objects of a kind are.
func (n *Names) Stored(gk schema.GroupKind) (schema.GroupResource, bool) {
	for _, k := range n.kinds {
		if k.Kind == gk.Kind && k.Group == gk.Group {
			return k.Resource, true
		}
	}
	return schema.GroupResource{}, false
}

// Definition is the CRD of a kind.
func (n *Names) Definition(gk schema.GroupKind) (Path, bool) {
	for _, k := range n.kinds {
		if k.Custom && k.Kind == gk.Kind && k.Group == gk.Group {
			return Path{Resource: crdResource(), Name: k.Resource.String()}, true
		}
	}
	return Path{}, false
}

// is reports whether word is one of its names.
func (k Kind) is(word string) bool {
	return word == k.Plural || word == k.Singular || word == strings.ToLower(k.Kind) || slices.Contains(k.Short, word)
}

// in reports whether the kind is of group, which may have a version in front and be
// cut short, as kubectl has it; without one it is of any.
func (k Kind) in(group string) bool {
	if group == "" || k.Group == group || k.Resource.Group == group {
		return true
	}
	if _, behind, found := strings.Cut(group, "."); found && k.Group != "" && k.Group == behind {
		return true
	}
	return k.Group != "" && strings.HasPrefix(k.Group, group)
}
