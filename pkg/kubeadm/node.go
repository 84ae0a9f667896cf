package kubeadm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Node is the file system of a control-plane node.
type Node struct {
	Root string // where its / is; "" is our own
}

// Path is where a path of the node is for us.
func (n Node) Path(path string) string {
	if n.Root == "" {
		return filepath.Clean(path)
	}
	return filepath.Join(n.Root, path)
}

// ManifestFolder is the kubelet's folder of static pods.
func (n Node) ManifestFolder() string { return n.Path("/etc/kubernetes/manifests") }

// PKI is a file among the certificates.
func (n Node) PKI(name string) string { return n.Path(filepath.Join("/etc/kubernetes/pki", name)) }

// KubeletClient is the certificate and key, in one file, with which the kubelet
// speaks to the API server. It is a link that the kubelet turns when it renews.
func (n Node) KubeletClient() string {
	return n.Path("/var/lib/kubelet/pki/kubelet-client-current.pem")
}

// AdminConfigs are the kubeconfigs of the cluster's administrators. Those of the
// second may do everything by themselves, the first needs a role of the cluster.
func (n Node) AdminConfigs() []string {
	return []string{n.Path("/etc/kubernetes/admin.conf"), n.Path("/etc/kubernetes/super-admin.conf")}
}

// EtcdBackups are the copies of the data directory that upgrades left, oldest
// first: each holds a directory etcd.
func (n Node) EtcdBackups() ([]string, error) {
	return filepath.Glob(n.Path("/etc/kubernetes/tmp/kubeadm-backup-etcd-*"))
}

// maxLinks is how many links may lead to a file.
const maxLinks = 8

// readFile reads a file of the node. A link to an absolute path means one of the
// node, not one of ours.
func (n Node) readFile(name string) ([]byte, error) {
	for range maxLinks {
		target, err := os.Readlink(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, err
		case err != nil: // not a link
			return os.ReadFile(name)
		case filepath.IsAbs(target):
			name = n.Path(target)
		default:
			name = filepath.Join(filepath.Dir(name), target)
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("too many links")}
}
