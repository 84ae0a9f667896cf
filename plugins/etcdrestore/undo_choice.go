package etcdrestore

import (
	"fmt"
	"slices"
	"strings"

	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/undo"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// choice is one argument: a resource, or one object of it.
type choice struct {
	resource  kubeschema.GroupResource
	namespace string // "": any
	name      string // "": any
}

// chooses reports whether an object is chosen. A namespace is, with all that is in it.
func (c choice) chooses(p kubeobject.Path) bool {
	if c.name != "" && isNamespace(c.resource) && p.Namespace == c.name {
		return true
	}
	return c.resource == p.Resource && (c.name == "" || c.name == p.Name) && (c.namespace == "" || p.Namespace == "" || c.namespace == p.Namespace)
}

func isNamespace(r kubeschema.GroupResource) bool { return r.String() == "namespaces" }

// selection resolves what a person has chosen.
func (o *UndoOptions) selection(ix *kubeobject.Index, names *kubeobject.Names) (undo.Selection, error) {
	var choices []choice
	for _, arg := range o.Chosen {
		words := strings.Split(arg, "/")
		if len(words) > 3 || slices.Contains(words, "") {
			return undo.Selection{}, exitcode.Usage(fmt.Errorf("RESOURCE or RESOURCE/NAME expected, got %q", arg))
		}
		resources, err := o.resources(names, words[0])
		if err != nil {
			return undo.Selection{}, err
		}
		for _, r := range resources {
			c := choice{resource: r}
			if len(words) > 1 {
				c.namespace, c.name = o.namespace(), words[len(words)-1]
			}
			if len(words) > 2 {
				c.namespace = words[1]
			}
			if isNamespace(r) {
				c.namespace = ""
			}
			if err := o.requireOne(ix, c); err != nil {
				return undo.Selection{}, err
			}
			choices = append(choices, c)
		}
	}
	namespace := o.namespace()
	return undo.Selection{Labels: o.selector, Wanted: func(p kubeobject.Path) bool {
		if namespace != "" && p.Namespace != namespace && (p.Namespace != "" || len(choices) == 0) {
			return false
		}
		return len(choices) == 0 || slices.ContainsFunc(choices, func(c choice) bool { return c.chooses(p) })
	}}, nil
}

// requireOne wants an object that is named to be there, and in one namespace: anything else
// may be a mistake in writing.
func (o *UndoOptions) requireOne(ix *kubeobject.Index, c choice) error {
	if c.name == "" {
		return nil
	}
	found := ix.Find(c.resource, c.namespace, c.name)
	switch {
	case len(found) == 0:
		return output.WithHint(
			fmt.Errorf("%w: %s %q%s, at revision %d", kubeobject.ErrNotFound, c.resource, c.name, prefixed(" in namespace ", c.namespace), ix.Revision),
			"`%s ls %s %s` lists those that there are", o.Program, output.Quote(o.Snapshot), c.resource)
	case len(found) > 1:
		return exitcode.Usage(output.WithHint(
			fmt.Errorf("%s %q is in several namespaces: %s and %s, for two", c.resource, c.name, found[0].Namespace, found[1].Namespace),
			"add -n %s", output.Quote(found[0].Namespace)))
	}
	return nil
}
