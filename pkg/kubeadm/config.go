package kubeadm

import (
	"fmt"
	"path"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
)

// Where the configuration is in the cluster.
const (
	ConfigNamespace = "kube-system"
	ConfigMap       = "kubeadm-config"
	ConfigKey       = "ClusterConfiguration"
)

// DataDir is etcd.local.dataDir of a ClusterConfiguration: kubeadm makes etcd's
// manifest from it whenever it upgrades.
func DataDir(config []byte) (string, error) {
	_, v, err := dataDir(config)
	if err != nil {
		return "", err
	}
	dir, _ := v.Text()
	return dir, nil
}

// SetDataDir returns the configuration with another etcd.local.dataDir, and
// without any other change.
func SetDataDir(config []byte, dir string) ([]byte, error) {
	if !path.IsAbs(dir) || path.Clean(dir) != dir {
		return nil, fmt.Errorf("%w: %q is no absolute path of a directory", ErrConfig, dir)
	}
	doc, v, err := dataDir(config)
	if err != nil {
		return nil, err
	}
	edited, err := doc.Replace(v, dir)
	if err != nil {
		return nil, fmt.Errorf("change etcd.local.dataDir: %w", err)
	}
	return edited, nil
}

func dataDir(config []byte) (*yamledit.Document, yamledit.Value, error) {
	none := yamledit.Value{}
	doc, err := yamledit.Parse(config)
	if err != nil {
		return nil, none, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if kind, _ := doc.Root().Get("kind").Text(); kind != "ClusterConfiguration" {
		return nil, none, fmt.Errorf("%w: it is %q, not a ClusterConfiguration", ErrConfig, kind)
	}
	etcd := doc.Root().Get("etcd")
	if !etcd.Get("external").IsNull() {
		return nil, none, ErrExternal
	}
	v := etcd.Get("local", "dataDir")
	if dir, ok := v.Text(); !ok || dir == "" {
		return nil, none, hint.New(fmt.Errorf("%w: it has no etcd.local.dataDir", ErrConfig),
			"kubectl -n %s edit configmap %s: add dataDir below etcd and local", ConfigNamespace, ConfigMap)
	}
	return doc, v, nil
}
