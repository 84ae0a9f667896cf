package etcdrestore

import (
	"regexp"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// notInNames is what the name of a cluster may have and that of a file should not.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// snapshotName is the name of a new snapshot: of which cluster, and when.
func snapshotName(plane *topology.ControlPlane) string {
	cluster := ""
	if plane.Kubernetes != nil {
		cluster = plane.Kubernetes.Cluster
	}
	cluster = strings.Trim(notInNames.ReplaceAllString(cluster, "-"), "-.")
	return joined("-", "etcd", cut(cluster, 40), plane.Time.UTC().Format("20060102T150405Z")) + ".db"
}
