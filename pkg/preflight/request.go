package preflight

import (
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// Request is a restore that is about to be made on this node.
type Request struct {
	Facts *node.Facts
	Node  kubeadm.Node // where its files are for us

	Snapshot      Snapshot
	Cluster       *membership.Cluster // all members of the new cluster
	Bump          bool                // the revision is raised
	TargetVersion string              // etcd's minor version that is written for, "3.6"; "" is that of the snapshot
	Destroyed     []string            // members of the old cluster that the operator says are gone for good

	DataDir string // of the new member, as the node sees it
	WALDir  string // the same; "" is in DataDir
	Swap    bool   // the new directory is to get the old one's name, instead of another path in the manifest
	Parking string // where the manifests go while everything is down, as the node sees it

	Kubeconfigs []string // with credentials for the node's API server; none are kubeadm's for administrators

	HoldsLock bool // the lock of the folder of runs is ours
	Unplanned bool // no plan could be made: what only a plan says is not looked at
}

// Snapshot is the file that is to be restored.
type Snapshot struct {
	Path          string // for us: where it is, or will be
	SHA256        string // what the plan says of its database, in hex; "" takes any
	SkipHashCheck bool   // one without a hash will do, if its structure is whole
	Progress      snapshot.Progress

	Elsewhere bool  // it is not on this node yet: what would have to be read of it is left out
	Size      int64 // bytes of its database, if it is elsewhere
}

// Checks are all checks of a restore, in the order in which they run.
func Checks(r Request) []Check {
	s := &subject{Request: r}
	return []Check{
		{"IsPrivilegedUser", true, s.isPrivilegedUser},
		{"NoRunInProgress", true, s.noRunInProgress},
		{"EtcdManifest", false, s.etcdManifest},
		{"ManifestFolder", false, s.manifestFolder},
		{"ManifestParking", false, s.manifestParking},
		{"EtcdFlags", false, s.etcdFlags},
		{"EtcdStorage", false, s.etcdStorage},
		{"EtcdVersion", false, s.etcdVersion},
		{"EtcdCertificates", false, s.etcdCertificates},
		{"EtcdCertificateSANs", false, s.etcdCertificateSANs},
		{"EncryptionConfig", false, s.encryptionConfig},
		{"Kubelet", false, s.kubelet},
		{"KubeletClientCertificate", false, s.kubeletClientCertificate},
		{"AdminKubeconfig", false, s.adminKubeconfig},
		{"ContainerRuntime", false, s.containerRuntime},
		{"Images", false, s.images},
		{"Clock", false, s.clock},
		{"Members", false, s.members},
		{"MembersReachable", false, s.membersReachable},
		{"OldQuorum", true, s.oldQuorum},
		{"SnapshotIntegrity", true, s.snapshotIntegrity},
		{"SnapshotVersion", false, s.snapshotVersion},
		{"SnapshotOrigin", false, s.snapshotOrigin},
		{"Encryption", false, s.encryption},
		{"Quota", false, s.quota},
		{"TargetAvailable", false, s.targetAvailable},
		{"SameFilesystem", false, s.sameFilesystem},
		{"FreeSpace", false, s.freeSpace},
	}
}

// Names are the names of all checks, in the order in which they run.
func Names() (names []string) {
	for _, c := range Checks(Request{}) {
		names = append(names, c.Name)
	}
	return names
}

// subject is what the checks look at. They run one after the other.
type subject struct {
	Request
	file *contents // of the snapshot, once it was read
}
