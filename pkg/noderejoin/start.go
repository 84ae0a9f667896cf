package noderejoin

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
)

// findServers reads from the manifests where etcd and the API server serve.
func (m *machine) findServers(host kubeadm.Node) error {
	file, err := m.manifest(controlplane.Etcd)
	if err != nil {
		return err
	}
	facts := &node.Facts{Etcd: node.EtcdOf(file)}
	config, err := facts.EtcdClient(host)
	if err != nil {
		return err
	}
	m.own = config.Endpoints[0]
	m.cluster = cluster{config: config, plan: m.plan}
	if file, err = m.manifest("kube-apiserver"); err != nil {
		return err
	}
	m.server, err = apiserver.LocalServer(file.Manifest)
	return err
}

// startClients starts what uses etcd.
func (m *machine) startClients(ctx context.Context) error {
	return m.old.Start(ctx, m.clients()...)
}

// waitReady waits until the node's own API server says that it is ready, to the first of
// the credentials that may ask.
func (m *machine) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.Timeout)
	defer cancel()
	var first error
	for _, kubeconfig := range m.Kubeconfigs {
		client, err := apiserver.Dial(kubeconfig, apiserver.Options{Server: m.server})
		if err == nil {
			err = client.WaitReady(ctx)
			client.Close()
		}
		if err == nil || !errors.Is(err, apiserver.ErrForbidden) && !errors.Is(err, apiserver.ErrCredentials) {
			return err
		}
		if first == nil { // the others are there in case it may not
			first = err
		}
	}
	return first
}

// tidy removes etcd's old manifest where it was parked: the run has a copy.
func (m *machine) tidy(context.Context) error {
	etcd := m.pod(controlplane.Etcd).File
	for _, kept := range m.run.State().Kept {
		if kept.Name != etcd {
			continue
		}
		if _, err := m.run.Read(kept); err != nil {
			return err
		}
		if err := m.FS.RemoveAll(filepath.Join(m.part.Parked, etcd)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return m.removeParked()
}
