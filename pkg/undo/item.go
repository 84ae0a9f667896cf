package undo

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

// Action is what becomes of an object.
type Action string

// The actions.
const (
	Create   Action = "create"   // it is not there
	Replace  Action = "replace"  // it is there and differs, and Force was given
	Conflict Action = "conflict" // it is there and differs, and stays
	Same     Action = "same"     // it is there as it was
	Leave    Action = "leave"    // it is not to be put back: Reason
	Fail     Action = "fail"     // it cannot be put back: Reason
)

// Item is an object of a snapshot that was chosen, or that a chosen one cannot be without.
type Item struct {
	kubeobject.Path
	Needed bool // not chosen
	Action Action
	Reason string   // of Leave and Fail
	Fields []string // of Replace and Conflict: which differ
	Notes  []string // what becomes other than it was, and why
	// Untried is why the API server was not asked in a dry run; "" is that it was, and agreed.
	Untried string
	Done    bool // it is there now

	object *unstructured.Unstructured // as it is to be created
	step   step
	was    types.UID                  // in the snapshot
	mod    string                     // its resource version there
	is     types.UID                  // in the cluster; "" if it is not there
	live   *unstructured.Unstructured // what is there
	owners []owner
	volume *volume         // that a claim was bound to
	crd    kubeobject.Path // that defines its kind, none if it is built in
}

// namespaceOf is the path of a namespace.
func namespaceOf(name string) kubeobject.Path {
	return kubeobject.Path{Resource: schema.GroupResource{Resource: "namespaces"}, Name: name}
}

// puts reports whether the item is one that changes the cluster.
func (i *Item) puts() bool { return i.Action == Create || i.Action == Replace }

func (i *Item) fail(reason string) { i.Action, i.Reason = Fail, reason }

// note says something once.
func (i *Item) note(text string) {
	if !slices.Contains(i.Notes, text) {
		i.Notes = append(i.Notes, text)
	}
}

func (i *Item) leave(reason string) { i.Action, i.Reason = Leave, reason }

// Plan is what becomes of every object, in the order in which that happens.
type Plan struct {
	Items    []*Item
	Warnings []string // of what concerns all of them

	cluster *Cluster
	force   bool
	byPath  map[kubeobject.Path]*Item
}

// Count is how many items have an action.
func (p *Plan) Count(a Action) (n int) {
	for _, i := range p.Items {
		if i.Action == a {
			n++
		}
	}
	return n
}
