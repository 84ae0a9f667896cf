package preflight_test

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

func TestSnapshotOrigin(t *testing.T) {
	t.Parallel()
	const other = "00000000-0000-0000-0000-000000000001"
	write := func(o fixture.Options) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			o.Keys, o.Bytes = 60, 100_000
			must(t, os.Remove(w.snapshot))
			must(t, fixture.Write(w.snapshot, o))
		}
	}
	try(t, "SnapshotOrigin", map[string]wrong{
		"the same":      {change: func(*testing.T, *world) {}},
		"another":       {change: write(fixture.Options{UID: other}), want: fails("is " + other + ", in the old data " + uid)},
		"no Kubernetes": {change: write(fixture.Options{}), want: fails("it has no namespace kube-system")},
		"old data gone": {
			change: func(t *testing.T, w *world) { must(t, os.RemoveAll(w.node.Path("/var/lib/etcd/member"))) },
			want:   skips("the old data do not tell"), also: []string{"EtcdStorage", "OldQuorum"},
		},
		"another prefix": {
			change: func(t *testing.T, w *world) { w.component(t, "kube-apiserver", "--etcd-prefix=/elsewhere") },
			want:   fails("it has no namespace kube-system"),
		},
		"as API servers store it": {change: func(t *testing.T, w *world) { w.stored(t, stored(t, uid)) }},
		"another, likewise":       {change: func(t *testing.T, w *world) { w.stored(t, stored(t, other)) }, want: fails("is " + other)},
		"encrypted":               {change: func(t *testing.T, w *world) { w.stored(t, "k8s:enc:aescbc:v1:key1:xxxx") }, want: fails("encrypted"), also: []string{"Encryption"}},
		"garbage behind the mark": {change: func(t *testing.T, w *world) { w.stored(t, "k8s\x00garbage") }, want: fails("namespace kube-system")},
	})
}

// stored is a namespace as an API server writes it.
func stored(t *testing.T, uid string) string {
	t.Helper()
	ns := corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: types.UID(uid)}}
	raw, err := ns.Marshal()
	must(t, err)
	envelope := runtime.Unknown{TypeMeta: runtime.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, Raw: raw}
	text, err := envelope.Marshal()
	must(t, err)
	return "k8s\x00" + string(text)
}

// stored makes the snapshot one of a real etcd that holds this namespace.
func (w *world) stored(t *testing.T, namespace string) {
	t.Helper()
	must(t, os.WriteFile(w.snapshot, snapshotOf(t, etcdtest.V37, namespace), 0o600))
}
