package etcdrestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// errSecret is returned where a Secret cannot be masked.
var errSecret = errors.New("that would print a Secret")

// getter prints objects of one index.
type getter struct {
	*GetOptions
	ix    *kubeobject.Index
	names *kubeobject.Names

	masked bool
}

// find finds the one object that is asked for.
func (g *getter) find(resource kubeschema.GroupResource) (kubeobject.Entry, error) {
	found := g.ix.Find(resource, g.namespace(), g.Name)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		where := prefixed(" in namespace ", g.namespace())
		return kubeobject.Entry{}, output.WithHint(fmt.Errorf("%w: %s %q%s, at revision %d", kubeobject.ErrNotFound, resource, g.Name, where, g.ix.Revision),
			"`%s ls %s %s` lists those that there are", g.Program, output.Quote(g.Snapshot), resource)
	}
	var namespaces []string
	for _, e := range found {
		namespaces = append(namespaces, e.Namespace)
	}
	return kubeobject.Entry{}, exitcode.Usage(output.WithHint(fmt.Errorf("%s %q is in several namespaces: %s", resource, g.Name, strings.Join(namespaces, ", ")),
		"add -n %s", output.Quote(namespaces[0])))
}

// raw prints the bytes as they are stored.
func (g *getter) raw(e kubeobject.Entry) error {
	m, err := g.ix.Metadata(e)
	if err != nil && !kubeobject.IsOfValue(err) {
		return err
	}
	sealed := errors.Is(err, kubeobject.ErrEncrypted)
	secret := e.Resource.String() == "secrets" || err == nil && m.Kind == "Secret"
	if secret && !sealed && !g.ShowSecrets {
		return output.WithHint(errSecret, "add --show-secrets if it is to be seen")
	}
	return g.ix.Value(e, func(value []byte) error {
		_, err := g.streams.Out.Write(value)
		return err
	})
}

// one prints an object.
func (g *getter) one(e kubeobject.Entry) error {
	o, err := g.object(e)
	if err != nil {
		err = fmt.Errorf("%s: %w", e.Key, err)
		if errors.Is(err, kubeobject.ErrEncrypted) && g.Config == "" {
			err = output.WithHint(err, "add --%s FILE, a copy of the one that the kube-apiserver has its keys from", providerConfigFlag)
		}
		return err
	}
	g.remark()
	return g.show(o)
}

// show prints in the form that was asked for, and no controls of a terminal, but for forms
// that are templates: these print what they are told to.
func (g *getter) show(o runtime.Object) error {
	form := Format(g.Form)
	if form != JSON && form != YAML {
		return g.printer.PrintObj(o, g.streams.Out)
	}
	var text bytes.Buffer
	if err := g.printer.PrintObj(o, &text); err != nil {
		return err
	}
	if form == YAML {
		return writeYAML(g.streams.Out, text.Bytes())
	}
	_, err := g.streams.Out.Write(output.CleanJSON(text.Bytes()))
	return err
}

// all prints the objects of some resources as a list. What is no object is told of on
// stderr, and does not stop it.
func (g *getter) all(ctx context.Context, resources []kubeschema.GroupResource) error {
	list := &unstructured.UnstructuredList{Object: map[string]any{
		"apiVersion": "v1", "kind": "List", "metadata": map[string]any{"resourceVersion": ""},
	}}
	for e := range g.entries(resources) {
		if err := ctx.Err(); err != nil {
			return err
		}
		o, err := g.object(e)
		switch {
		case err != nil && kubeobject.IsOfValue(err):
			fmt.Fprintf(g.streams.ErrOut, "note: left out %s: %s\n", output.Clean(e.Key), output.Clean(err.Error()))
		case err != nil:
			return err
		default:
			list.Items = append(list.Items, *o)
		}
	}
	g.remark()
	return g.show(list)
}

func (g *getter) entries(resources []kubeschema.GroupResource) func(yield func(kubeobject.Entry) bool) {
	return func(yield func(kubeobject.Entry) bool) {
		for _, r := range resources {
			for e := range g.ix.Of(r) {
				if g.namespace() != "" && e.Namespace != "" && e.Namespace != g.namespace() {
					continue
				}
				if !yield(e) {
					return
				}
			}
		}
	}
}

// object is an object as it is printed.
func (g *getter) object(e kubeobject.Entry) (*unstructured.Unstructured, error) {
	o, err := g.ix.Object(e)
	if err != nil {
		return nil, err
	}
	if kubeobject.IsSecret(o) && !g.ShowSecrets {
		if g.ForApply {
			return nil, output.WithHint(fmt.Errorf("%w, and to apply a masked one would destroy it", errSecret), "add --show-secrets")
		}
		kubeobject.Mask(o)
		g.masked = true
	}
	if g.Form == "name" {
		o.SetName(output.Clean(o.GetName()))
		o.SetKind(output.Clean(o.GetKind()))
		o.SetAPIVersion(output.Clean(o.GetAPIVersion()))
	}
	if g.ForApply {
		kubeobject.ForApply(o, func(ref metav1.OwnerReference) bool { return g.ix.Owns(g.names, e.Namespace, ref) })
	}
	return o, nil
}

// remark says on stderr what cannot be seen in the objects.
func (g *getter) remark() {
	if g.masked && g.Form != "name" {
		fmt.Fprintln(g.streams.ErrOut, "note: the data of Secrets are masked; --show-secrets shows them")
	}
}
