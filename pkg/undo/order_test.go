package undo

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
)

func item(resource, name string, isCustom bool, owners ...*Item) *Item {
	r := schema.ParseGroupResource(resource)
	i := &Item{Path: kubeobject.Path{Resource: r, Namespace: "shop", Name: name}, Action: Create, step: stepOf(r, isCustom)}
	for _, o := range owners {
		i.owners = append(i.owners, owner{OwnerReference: metav1.OwnerReference{Name: o.Name}, item: o})
	}
	return i
}

func names(items []*Item) (all []string) {
	for _, i := range items {
		all = append(all, i.Name)
	}
	return all
}

func TestOrder(t *testing.T) {
	t.Parallel()
	widget := item("widgets.example.com", "widget", true)
	deployment := item("deployments.apps", "deployment", false)
	items := []*Item{
		item("validatingwebhookconfigurations.admissionregistration.k8s.io", "webhook", false),
		item("replicasets.apps", "a-set", false, deployment),
		deployment, widget,
		item("configmaps", "a-part-of-widget", false, widget), // its owner comes later by itself
		item("services", "service", false),
		item("secrets", "secret", false),
		item("namespaces", "shop", false),
		item("customresourcedefinitions.apiextensions.k8s.io", "definition", false),
	}
	want := []string{"definition", "shop", "secret", "service", "a-part-of-widget", "widget", "deployment", "a-set", "webhook"}
	got := names(sort(items))
	// Within a step only owners have a place.
	if i := slices.Index(got, "a-part-of-widget"); i < slices.Index(got, "widget") {
		t.Errorf("before its owner: %v", got)
	}
	slices.Sort(got[4:6])
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Nothing that is written in a snapshot may keep us for ever.
func TestOwnersInACircle(t *testing.T) {
	t.Parallel()
	a, b := item("configmaps", "a", false), item("configmaps", "b", false)
	a.owners, b.owners = []owner{{item: b}, {item: a}}, []owner{{item: a}}
	if got := sort([]*Item{a, b}); len(got) != 2 {
		t.Errorf("got %v", names(got))
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	set := item("replicasets.apps", "set", false)
	set.was = "old"
	pod := item("pods", "pod", false, set)
	pod.object = object("v1", "Pod", nil)
	pod.owners[0].controls, pod.owners[0].UID = true, "old"
	claim := item("configmaps", "part", false, set)
	claim.object = object("v1", "ConfigMap", nil)
	claim.owners[0].UID = "old"

	if got := claim.references(true); len(got) != 1 || got[0].UID != types.UID("old") {
		t.Errorf("in a dry run it refers to %v", got)
	}
	set.is = "new"
	if got := claim.references(false); len(got) != 1 || got[0].UID != types.UID("new") {
		t.Errorf("it refers to %v", got)
	}
	settleOwned([]*Item{set, pod, claim})
	if pod.Action != Leave || claim.Action != Create {
		t.Errorf("pod %s, part %s", pod.Action, claim.Action)
	}
	set.fail("no")
	if settleOwned([]*Item{claim}); claim.Action != Create {
		t.Error("an owner that lives, and could not be replaced, takes along what it owned")
	}
	set.is = ""
	if settleOwned([]*Item{claim}); claim.Action != Leave {
		t.Error("what it owned is to come without it: a ReplicaSet without its Deployment would never end")
	}
}
