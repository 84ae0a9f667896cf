package preflight_test

import (
	"os"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/preflight"
)

func TestAdminKubeconfig(t *testing.T) {
	t.Parallel()
	try(t, "AdminKubeconfig", map[string]wrong{
		"none": {
			change: func(t *testing.T, w *world) { must(t, os.Remove(w.node.Path("/etc/kubernetes/admin.conf"))) },
			want:   fails("admin.conf"),
		},
		"no kubeconfig": {
			change: func(t *testing.T, w *world) { w.write(t, "/etc/kubernetes/admin.conf", "PRIVATE") },
			want:   fails("no kubeconfig"),
		},
		"the second will do": {change: func(t *testing.T, w *world) {
			must(t, os.Rename(w.node.Path("/etc/kubernetes/admin.conf"), w.node.Path("/etc/kubernetes/super-admin.conf")))
		}},
		"one that somebody gives": {change: func(t *testing.T, w *world) {
			must(t, os.Rename(w.node.Path("/etc/kubernetes/admin.conf"), w.node.Path("/root/admin.conf")))
			w.request.Kubeconfigs = []string{w.node.Path("/root/admin.conf")}
		}},
	})
}

func TestImages(t *testing.T) {
	t.Parallel()
	try(t, "Images", map[string]wrong{
		"one is missing": {
			change: fact(func(f *node.Facts) { f.Runtime.Missing = []string{"registry.k8s.io/etcd:3.7.3-0"} }),
			want:   fails("registry.k8s.io/etcd:3.7.3-0"),
		},
	})
}

// A snapshot that is to come is not looked at, and nothing at its path is; the room
// that it needs is reckoned by what is told of it.
func TestSnapshotElsewhere(t *testing.T) {
	t.Parallel()
	elsewhere := func(size int64) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			must(t, os.WriteFile(w.snapshot, []byte("another file"), 0o600))
			w.request.Snapshot.Elsewhere, w.request.Snapshot.Size = true, size
			w.request.TargetVersion = "3.7"
		}
	}
	try(t, "SnapshotIntegrity", map[string]wrong{
		"left out": {change: elsewhere(1000), want: skips("not on this node yet"), also: []string{"SnapshotOrigin", "Encryption"}},
	})
	try(t, "FreeSpace", map[string]wrong{
		"as much as no disk has": {change: elsewhere(1 << 60), want: fails("free"), also: []string{"SnapshotIntegrity", "SnapshotOrigin", "Encryption", "Quota"}},
	})
	try(t, "Quota", map[string]wrong{
		"too much": {change: elsewhere(1 << 60), want: []finding{{preflight.Error, "--quota-backend-bytes"}}, also: []string{"SnapshotIntegrity", "SnapshotOrigin", "Encryption", "FreeSpace"}},
	})
}
