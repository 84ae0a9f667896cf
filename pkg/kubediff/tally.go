package kubediff

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Tally counts changes by resource.
type Tally struct {
	byResource map[schema.GroupResource]*Counts
	balancers  int
}

// Counts are the changes of one resource.
type Counts struct {
	Resource schema.GroupResource
	Restore  int
	Remove   int
	Alter    int
	Noise    int // beside these
}

// Add counts a change.
func (t *Tally) Add(c Change) {
	if t.byResource == nil {
		t.byResource = map[schema.GroupResource]*Counts{}
	}
	n := t.byResource[c.Resource]
	if n == nil {
		n = &Counts{Resource: c.Resource}
		t.byResource[c.Resource] = n
	}
	switch {
	case c.Noise:
		n.Noise++
	case c.Op == Restore:
		n.Restore++
	case c.Op == Remove:
		n.Remove++
	default:
		n.Alter++
	}
	if c.LoadBalancer && !c.Noise {
		t.balancers++
	}
}

// Resources are the counts, by name.
func (t *Tally) Resources() (list []Counts) {
	for _, n := range t.byResource {
		list = append(list, *n)
	}
	slices.SortFunc(list, func(a, b Counts) int { return strings.Compare(a.Resource.String(), b.Resource.String()) })
	return list
}

// Total is the sum of all.
func (t *Tally) Total() (sum Counts) {
	for _, n := range t.byResource {
		sum.Restore += n.Restore
		sum.Remove += n.Remove
		sum.Alter += n.Alter
		sum.Noise += n.Noise
	}
	return sum
}

// Warnings are about what etcd alone cannot bring back: it holds what the cluster says of
// these, not the things themselves.
func (t *Tally) Warnings() (list []string) {
	of := func(group, resource string) Counts {
		if n := t.byResource[schema.GroupResource{Group: group, Resource: resource}]; n != nil {
			return *n
		}
		return Counts{}
	}
	say := func(n int, what, text string) {
		if n > 0 {
			if n > 1 {
				what += "s"
			}
			list = append(list, fmt.Sprintf("%d %s: %s", n, what, text))
		}
	}
	volumes, nodes, requests := of("", "persistentvolumes"), of("", "nodes"), of("certificates.k8s.io", "certificatesigningrequests")
	say(volumes.Restore+volumes.Remove+volumes.Alter, "PersistentVolume", "the storage behind them stays as it is; what was deleted there is not brought back, and what was made since belongs to nobody")
	say(nodes.Restore, "Node", "brought back without the machine, if that is gone: delete it then")
	say(nodes.Remove, "Node", "removed while the machine runs: its kubelet must register again, or kubeadm join it again")
	say(requests.Restore+requests.Remove+requests.Alter, "CertificateSigningRequest", "a certificate that was signed stays valid whatever etcd says of it")
	say(t.balancers, "Service of type LoadBalancer", "the load balancer outside may be gone, or stay with nobody to delete it")
	return list
}
