package etcdrestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// objectList is the form of ls SNAPSHOT RESOURCE -o json.
type objectList struct {
	TypeMeta
	Snapshot string       `json:"snapshot"`
	Revision int64        `json:"revision"`
	Items    []objectFact `json:"items"`
	Unasked  int          `json:"unasked,omitempty"` // values whose labels cannot be read, left out for --selector

	wide  bool
	asked []string // resources, in the order in which they were asked for
	now   time.Time
}

// objectFact is what a list tells of an object.
type objectFact struct {
	Resource   string             `json:"resource"`
	Kind       string             `json:"kind,omitempty"`
	APIVersion string             `json:"apiVersion,omitempty"`
	Namespace  string             `json:"namespace,omitempty"`
	Name       string             `json:"name"`
	Created    *time.Time         `json:"created,omitempty"`
	Labels     map[string]string  `json:"labels,omitempty"`
	Key        string             `json:"key"`
	Revision   int64              `json:"revision"` // of its last change
	Bytes      int64              `json:"bytes"`
	Encryption *encryption.Stored `json:"encryption,omitempty"`
	Error      string             `json:"error,omitempty"` // why no more is known of it
}

// list looks at the objects of some resources. It reads them in the order in which they
// lie in the file.
func (o *LsOptions) list(ctx context.Context, ix *kubeobject.Index, resources []kubeschema.GroupResource) (*objectList, error) {
	l := &objectList{
		TypeMeta: TypeMeta{apiVersion, "SnapshotObjects"}, Snapshot: o.Snapshot, Revision: ix.Revision, Items: []objectFact{},
		wide: o.Form == wide, now: time.Now(),
	}
	for _, r := range resources {
		l.asked = append(l.asked, r.String())
	}
	var entries []kubeobject.Entry
	for _, r := range resources {
		for e := range ix.Of(r) {
			if o.namespace() == "" || e.Namespace == "" || e.Namespace == o.namespace() {
				entries = append(entries, e)
			}
		}
	}
	slices.SortFunc(entries, func(a, b kubeobject.Entry) int { return cmp.Compare(a.Mod, b.Mod) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := ix.Metadata(e)
		if err != nil && !kubeobject.IsOfValue(err) {
			return nil, err
		}
		switch {
		case err != nil && !o.selector.Empty():
			l.Unasked++
		case err != nil || o.selector.Matches(labels.Set(m.Labels)):
			l.Items = append(l.Items, newObjectFact(e, m, err))
		}
	}
	return l, nil
}

func newObjectFact(e kubeobject.Entry, m *metav1.PartialObjectMetadata, err error) objectFact {
	f := objectFact{
		Resource: e.Resource.String(), Namespace: e.Namespace, Name: e.Name,
		Key: e.Key, Revision: e.Mod, Bytes: e.Size, Error: message(err),
	}
	if encrypted := (*kubeobject.EncryptedError)(nil); errors.As(err, &encrypted) {
		f.Encryption = &encrypted.Stored
	}
	if err == nil {
		f.Kind, f.APIVersion, f.Labels, f.Created = m.Kind, m.APIVersion, m.Labels, moment(m.CreationTimestamp.Time)
	}
	return f
}

// sort orders by name as kubectl does, or puts the largest first, or the youngest.
func (l *objectList) sort(by string) {
	slices.SortFunc(l.Items, func(a, b objectFact) int {
		order := 0
		switch by {
		case "size":
			order = cmp.Compare(b.Bytes, a.Bytes)
		case "age":
			order = age(b).Compare(age(a))
		}
		return cmp.Or(order, cmp.Compare(slices.Index(l.asked, a.Resource), slices.Index(l.asked, b.Resource)), cmp.Compare(a.Key, b.Key))
	})
}

func age(f objectFact) time.Time {
	if f.Created == nil {
		return time.Time{}
	}
	return *f.Created
}

// names are as kubectl get -o name has them.
func (l *objectList) names() (names []string) {
	for _, f := range l.Items {
		kind := f.Resource
		if f.Kind != "" {
			group, _, _ := strings.Cut(f.APIVersion, "/")
			kind = strings.ToLower(f.Kind)
			if group != f.APIVersion {
				kind += "." + group
			}
		}
		names = append(names, kind+"/"+f.Name)
	}
	return names
}

func (l *objectList) words() string {
	if len(l.Items) == 0 {
		return ""
	}
	noted, namespaced := false, false
	for _, f := range l.Items {
		noted, namespaced = noted || f.Error != "", namespaced || f.Namespace != ""
	}
	// columns leaves out those that have nothing in any row.
	columns := func(resource, namespace, name, age, created, revision, size, note string) (row []string) {
		if len(l.asked) > 1 {
			row = append(row, resource)
		}
		if namespaced {
			row = append(row, namespace)
		}
		row = append(row, name, age)
		if l.wide {
			row = append(row, created, revision, size)
		}
		if noted {
			row = append(row, note)
		}
		return row
	}
	t := table{head: columns("RESOURCE", "NAMESPACE", "NAME", "AGE", "CREATED", "REVISION", "SIZE", "NOTE")}
	for _, f := range l.Items {
		old, created := "?", "?"
		if f.Created != nil {
			old, created = ago(l.now.Sub(*f.Created)), f.Created.Format(time.DateTime)+"Z"
		}
		t.row(columns(f.Resource, f.Namespace, f.Name, old, created, fmt.Sprint(f.Revision), output.Size(f.Bytes), f.note())...)
	}
	return t.String()
}

// note is why there is no more to tell of an object, in few words.
func (f objectFact) note() string {
	if f.Encryption != nil {
		return joined(", ", "encrypted: "+f.Encryption.Provider, prefixed("key ", f.Encryption.Key))
	}
	return f.Error
}
