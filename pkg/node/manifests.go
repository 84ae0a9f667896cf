package node

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// manifests reads the folder that the kubelet reads, or the one that kubeadm would
// have told it to.
func (l *looker) manifests() Manifests {
	m := Manifests{Path: l.node.ManifestFolder()}
	if path := l.facts.Kubelet.Config.StaticPodPath; path != "" {
		m.Path = l.node.Path(path)
	}
	if m.Folder, m.Err = staticpod.Read(m.Path); m.Err == nil {
		m.Findings = m.Folder.Findings()
	}
	return m
}

func etcdOf(m Manifests) (e Etcd) {
	if m.Err != nil {
		e.Err = m.Err
		return e
	}
	file, err := m.Folder.Component("etcd")
	if err != nil {
		e.Err = err
		return e
	}
	return EtcdOf(file)
}

// EtcdOf reads etcd's manifest, wherever it is.
func EtcdOf(file staticpod.File) (e Etcd) {
	e.File = file
	if e.Container, e.Err = e.File.Manifest.Etcd(); e.Err != nil {
		return e
	}
	e.Version, e.VersionErr = kubeadm.EtcdVersion(e.Container.Image)
	e.Storage, e.StorageErr = e.File.Manifest.Storage()
	e.readFlags()
	return e
}

func (e *Etcd) readFlags() {
	if e.Flags, e.FlagsErr = e.Container.EtcdFlags(); e.FlagsErr != nil {
		return
	}
	var errs []error
	get := func(name string) string {
		flag, err := e.Flags.Get(name)
		errs = append(errs, err)
		return flag.Value
	}
	urls := func(name string) []string {
		if value := get(name); value != "" {
			return strings.Split(value, ",")
		}
		return nil
	}
	e.Name = get("name")
	e.PeerURLs, e.ListenPeerURLs = urls("initial-advertise-peer-urls"), urls("listen-peer-urls")
	e.ClientURLs, e.ListenClientURLs = urls("advertise-client-urls"), urls("listen-client-urls")
	e.InitialCluster = get("initial-cluster")
	quota, err := parseQuota(get("quota-backend-bytes"))
	e.Quota = quota
	e.FlagsErr = errors.Join(append(errs, err)...)
}

// parseQuota reads a number as etcd does: 0 is the default, and less is no limit.
func parseQuota(s string) (int64, error) {
	if s == "" { // not known
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 0, 64)
	switch {
	case err != nil:
		return 0, fmt.Errorf("--quota-backend-bytes=%s is no number", s)
	case n == 0:
		return staticpod.DefaultQuota, nil
	}
	return n, nil
}
