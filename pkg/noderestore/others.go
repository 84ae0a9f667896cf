package noderestore

import (
	"fmt"
	"net"
	"net/url"

	"github.com/etcd-restore/etcd-restore/pkg/controlplane"
	"github.com/etcd-restore/etcd-restore/pkg/membership"
	"github.com/etcd-restore/etcd-restore/pkg/rendezvous"
)

// others are the members that are restored on other nodes.
func (m *machine) others() []membership.Member {
	cluster, err := m.plan.Decision.Cluster()
	if err != nil { // it was read before, in Decode
		return nil
	}
	var others []membership.Member
	for _, e := range cluster.Members {
		if e.Name != m.part.Member {
			others = append(others, e)
		}
	}
	return others
}

// newQuorum is how many members decide in the new cluster.
func (m *machine) newQuorum() int { return (len(m.others())+1)/2 + 1 }

// peerAddress is where this node's etcd serves its peers, and with what.
func (m *machine) peerAddress() (string, rendezvous.Files, error) {
	file, err := m.manifest(controlplane.Etcd)
	if err != nil {
		return "", rendezvous.Files{}, err
	}
	etcd, err := file.Manifest.Etcd()
	if err != nil {
		return "", rendezvous.Files{}, err
	}
	flags, err := etcd.EtcdFlags()
	if err != nil {
		return "", rendezvous.Files{}, err
	}
	listen, err := flags.Get("listen-peer-urls")
	if err != nil {
		return "", rendezvous.Files{}, err
	}
	u, err := url.Parse(firstOf(listen.Value))
	if err != nil {
		return "", rendezvous.Files{}, err
	}
	var files rendezvous.Files
	for flag, path := range map[string]*string{"peer-cert-file": &files.Cert, "peer-key-file": &files.Key, "peer-trusted-ca-file": &files.CA} {
		value, err := flags.Get(flag)
		if err != nil {
			return "", rendezvous.Files{}, err
		}
		if *path, err = file.Manifest.HostPath(etcd, value.Value); err != nil {
			return "", rendezvous.Files{}, fmt.Errorf("--%s: %w", flag, err)
		}
	}
	return u.Host, files, nil
}

// clientURLs are where the etcds of the others serve clients, in their order: as they
// have told, or else at the port that this one uses.
func (m *machine) clientURLs() []string {
	own, err := url.Parse(m.etcd.Endpoints[0])
	if err != nil {
		return nil
	}
	var urls []string
	for _, e := range m.others() {
		told := m.told[e.Name]
		if peer, err := url.Parse(e.PeerURLs[0]); told == "" && err == nil {
			told = own.Scheme + "://" + net.JoinHostPort(peer.Hostname(), own.Port())
		}
		urls = append(urls, told)
	}
	return urls
}
