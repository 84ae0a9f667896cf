package preflight_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/preflight"
)

// What the checks say of nodes on which nothing is wrong but what their manifests
// show. The snapshot is one of etcd 3.7.
func TestGolden(t *testing.T) {
	t.Parallel()
	for manifest, want := range map[string][]string{
		"kubeadm-1.21.yaml":      {"EtcdVersion error", "SnapshotVersion error"}, // etcd 3.4.13
		"kubeadm-1.28.yaml":      {"EtcdVersion error", "SnapshotVersion error"}, // 3.5.9
		"kubeadm-1.33.yaml":      {"SnapshotVersion error"},                      // 3.5.21
		"kubeadm-1.35.yaml":      {"SnapshotVersion error"},                      // 3.6.6
		"kubeadm-1.35-crlf.yaml": {"SnapshotVersion error"},
		"kubeadm.json":           {"SnapshotVersion error"},
		"kubeadm-1.37.yaml":      nil,
		"patched.yaml":           {"EtcdStorage warning", "SameFilesystem skipped"}, // its log is elsewhere, and not there
		"by-hand.yaml":           {"EtcdStorage warning", "SnapshotVersion error", "SnapshotOrigin skipped", "SameFilesystem skipped", "SameFilesystem skipped"},
	} {
		t.Run(manifest, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, manifest)
			w.request.Destroyed = []string{"m0"} // the member that the snapshot lists
			switch manifest {                    // in both, etcd's directories are a part of what is mounted
			case "patched.yaml":
				w.request.WALDir = "/mnt/fast/etcd-wal-restored-x/wal"
			case "by-hand.yaml":
				w.request.DataDir, w.request.WALDir = "/srv/etcd-restored-x/data", "/srv/etcd-restored-x/wal"
			}
			results, err := w.results(t)
			var got []string
			for _, r := range results {
				if r.Severity != preflight.OK {
					got = append(got, r.Check+" "+string(r.Severity))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n%v", diff, err)
			}
		})
	}
}
