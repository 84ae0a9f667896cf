package kubediff

import "github.com/etcd-restore/etcd-restore/pkg/kubeobject"

// Op is what a restore would do to an object.
type Op string

// The operations.
const (
	Restore Op = "restore" // it is in the snapshot only
	Remove  Op = "remove"  // it is in the other state only
	Alter   Op = "change"  // it is in both, and differs
)

// Change is what a restore would do to one object.
type Change struct {
	Op
	kubeobject.Path
	Key string // in etcd; "" if an API server was asked

	Noise bool // it would be so a minute later again, whatever is restored

	Fields []Field // how it differs, if that was asked for
	Err    error   // why that is not known

	LoadBalancer bool // a Service with something outside of the cluster
}

// Options say what is compared.
type Options struct {
	Wanted func(kubeobject.Path) bool // nil: everything
	Fields bool                       // tell how objects differ
	Noise  bool                       // look at what changes all the time, too
	Secret bool                       // Fields may tell what Secrets hold
}

func (o Options) wants(p kubeobject.Path) bool {
	return !p.Foreign && (o.Wanted == nil || o.Wanted(p))
}
