package noderestore

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"

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

// meet waits until every other node has proved that its old etcd does not run (I6).
// Each tells the others by etcd's own certificates at the address of its etcd, which
// is idle now; one whose new etcd serves there has been through already.
func (m *machine) meet(ctx context.Context) error {
	others := m.others()
	if len(others) == 0 {
		return nil
	}
	digest, err := m.plan.Decision.Digest()
	if err != nil {
		return err
	}
	address, files, err := m.peerAddress()
	if err != nil {
		return err
	}
	client, err := rendezvous.NewClient(files)
	if err != nil {
		return err
	}
	listener, err := rendezvous.Listen(address, files)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	var server sync.WaitGroup
	server.Go(func() { // the others notice if it does not serve
		_ = listener.Serve(serving, func() rendezvous.State {
			return rendezvous.State{PlanSHA256: digest, Member: m.part.Member, Phase: "stop", Stopped: true}
		})
	})
	defer server.Wait()
	defer stop()

	limited, cancel := context.WithTimeout(ctx, m.Meet)
	defer cancel()
	var peers []string
	for _, e := range others {
		peers = append(peers, e.PeerURLs[0])
	}
	return client.Wait(limited, peers, func(answers []rendezvous.Answer) (bool, error) { return m.met(answers, digest) })
}

// met reports whether all others have stopped for the same plan.
func (m *machine) met(answers []rendezvous.Answer, digest string) (bool, error) {
	all := true
	for _, a := range answers {
		s := a.State
		switch {
		case a.Err != nil:
			all = false
		case s.ClusterID != 0:
			all = all && hexID(s.ClusterID) == m.plan.Decision.ClusterID
		case s.PlanSHA256 != digest:
			return false, fmt.Errorf("%w: %s at %s follows another one", ErrPlan, s.Member, a.Peer)
		case s.Aborted:
			return false, fmt.Errorf("%w: %s", ErrAborted, s.Member)
		default:
			all = all && s.Stopped
		}
	}
	return all, nil
}

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

// clientURLs are where the etcds of the others serve clients, if they use the port
// that this one does.
func (m *machine) clientURLs() []string {
	own, err := url.Parse(m.etcd.Endpoints[0])
	if err != nil {
		return nil
	}
	var urls []string
	for _, e := range m.others() {
		if peer, err := url.Parse(e.PeerURLs[0]); err == nil {
			urls = append(urls, own.Scheme+"://"+net.JoinHostPort(peer.Hostname(), own.Port()))
		}
	}
	return urls
}
