package etcdrestore

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// within looks at what a snapshot has, for a shell that asks what may follow.
func (o *ObjectsOptions) within(file string, words func(*kubeobject.Index, *kubeobject.Names) ([]string, error)) completer {
	return completeWith(func(ctx context.Context, _ []string) ([]string, error) {
		f, err := snapshot.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		ix, names, err := indexOf(ctx, f, kubeobject.Options{Revision: o.Revision, Prefix: o.Prefix})
		if err != nil {
			return nil, err
		}
		return words(ix, names)
	})
}

// completeResources offers what a snapshot has objects of, by the shortest name that is
// that of one resource alone.
func (o *ObjectsOptions) completeResources(file string) completer {
	return o.within(file, func(ix *kubeobject.Index, names *kubeobject.Names) (words []string, _ error) {
		for _, u := range ix.Usage {
			word := u.Resource.String()
			if r, err := names.Resolve(u.Resource.Resource); err == nil && r == u.Resource {
				word = u.Resource.Resource
			}
			words = append(words, word)
		}
		slices.Sort(words)
		return words, nil
	})
}

// completeNames offers the objects of a resource, in the namespace of -n if there is one,
// each behind what is written already.
func (o *ObjectsOptions) completeNames(file, resource, before string) completer {
	return o.within(file, func(ix *kubeobject.Index, names *kubeobject.Names) ([]string, error) {
		r, err := names.Resolve(resource)
		if err != nil {
			return nil, err
		}
		return namesOf(ix, r, o.namespace(), before), nil
	})
}

func namesOf(ix *kubeobject.Index, r kubeschema.GroupResource, namespace, before string) (words []string) {
	for e := range ix.Of(r) {
		if word := before + e.Name; (namespace == "" || e.Namespace == namespace) && !strings.ContainsFunc(word, unprintable) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return slices.Compact(words) // the same in several namespaces
}

// unprintable is what no object is called: a key may be called anything.
func unprintable(r rune) bool { return r <= ' ' || r >= 0x7f }

// completeChoice offers resources, and names behind RESOURCE/.
func (o *ObjectsOptions) completeChoice(file string) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if resource, _, slash := strings.Cut(begun, "/"); slash {
			return o.completeNames(file, resource, resource+"/")(cmd, args, begun)
		}
		return o.completeResources(file)(cmd, args, begun)
	}
}

// completeNamespaces offers the namespaces of the snapshot that the first argument names.
func (o *ObjectsOptions) completeNamespaces(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return o.within(args[0], func(ix *kubeobject.Index, _ *kubeobject.Names) ([]string, error) {
		return namesOf(ix, kubeschema.GroupResource{Resource: "namespaces"}, "", ""), nil
	})(cmd, args, begun)
}
