package snapshotx

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
)

// kubeadmPKI holds the certificates of the local etcd on a control-plane node.
const kubeadmPKI = "/etc/kubernetes/pki/etcd"

// useKubeadm fills in the local member's address and certificates on a kubeadm
// control-plane node, where nothing else was asked for. That member never
// serves without TLS, so nothing that would work is changed.
func (c *Connection) useKubeadm(cfg *etcdclient.Config, streams Streams) {
	if cfg.CAFile != "" || cfg.CertFile != "" || cfg.KeyFile != "" || !slices.Equal(cfg.Endpoints, []string{defaultEndpoint}) {
		return
	}
	ca := filepath.Join(c.kubeadmPKI, "ca.crt")
	cert := filepath.Join(c.kubeadmPKI, "healthcheck-client.crt")
	key := filepath.Join(c.kubeadmPKI, "healthcheck-client.key")
	for _, file := range []string{ca, cert, key} {
		if _, err := os.Stat(file); err != nil {
			return
		}
	}
	cfg.Endpoints = []string{"https://" + defaultEndpoint}
	cfg.CAFile, cfg.CertFile, cfg.KeyFile = ca, cert, key
	fmt.Fprintf(streams.ErrOut, "kubeadm node: using %s with the certificates in %s\n", cfg.Endpoints[0], c.kubeadmPKI)
}
