package etcdrestore

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// ObjectsOptions are the flags of the verbs that look at the objects in a snapshot.
type ObjectsOptions struct {
	*Options
	Snapshot string
	Revision int64
	Prefix   string
	Config   string // of the encryption
	Form     string // of -o, which has more values here than elsewhere

	streams Streams
}

// AddFlags adds the flags. Their --output takes the place of the one that all verbs have.
func (o *ObjectsOptions) AddFlags(fs *pflag.FlagSet) {
	fs.Int64Var(&o.Revision, "revision", 0, "the state at revision `N`, if it is still in the history (default: the last one)")
	fs.StringVar(&o.Prefix, "etcd-prefix", "", "`PREFIX` of all keys, if the API servers have that flag (default: found out)")
	fs.StringVar(&o.Config, providerConfigFlag, "", "`FILE` that the kube-apiserver has its keys from")
}

// Validate finds mistakes that no flag can find alone.
func (o *ObjectsOptions) Validate() error {
	if o.Revision < 0 {
		return errors.New("--revision must not be negative")
	}
	return nil
}

// look opens the snapshot for read, and sees to it that it did not change meanwhile.
func (o *ObjectsOptions) look(read func(*snapshot.File, kubeobject.Options) error) error {
	if o.Form == string(JSON) {
		o.Format = JSON // of an error, too
	}
	keys, err := newDecrypter(o.Config, o.Prefix)
	if err != nil {
		return err
	}
	f, err := snapshot.Open(o.Snapshot)
	if err != nil {
		return err
	}
	defer f.Close()
	reporter := &patient{reporter: o.Reporter(o.streams)}
	defer reporter.Finish()
	if err := read(f, kubeobject.Options{Revision: o.Revision, Prefix: o.Prefix, Decrypter: keys, Progress: reporter}); err != nil {
		return f.Explain(err)
	}
	return f.Unchanged()
}

// indexOf is that of all objects of a snapshot, with the names that people call them by.
func indexOf(ctx context.Context, f *snapshot.File, opts kubeobject.Options) (*kubeobject.Index, *kubeobject.Names, error) {
	view, err := f.Keyspace()
	if err != nil {
		return nil, nil, err
	}
	ix, err := kubeobject.Open(ctx, view, opts)
	if err != nil {
		return nil, nil, err
	}
	names, err := ix.Names()
	return ix, names, err
}

// resources are those that a person named, with commas between them.
func (o *ObjectsOptions) resources(names *kubeobject.Names, list string) (all []kubeschema.GroupResource, err error) {
	for name := range strings.SplitSeq(list, ",") {
		r, err := names.Resolve(strings.TrimSpace(name))
		if err != nil {
			return nil, exitcode.Usage(output.WithHint(err, "`%s ls %s` lists what there is", o.Program, output.Quote(o.Snapshot)))
		}
		if !slices.Contains(all, r) {
			all = append(all, r)
		}
	}
	return all, nil
}

// namespace is that of -n, empty for all.
func (o *ObjectsOptions) namespace() string { return *o.Namespace }

// wide is the word for a form with more columns.
const wide = "wide"
