package preflight

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/node"
)

// soon is how long a certificate should still be good for.
const soon = 7 * 24 * time.Hour

// etcdCertificates wants etcd's certificates, and those of its clients on the node,
// in force and signed by etcd's authority.
func (s *subject) etcdCertificates(context.Context) (found []Finding) {
	for _, name := range []string{"etcd-server", "etcd-peer", "etcd-healthcheck-client", "apiserver-etcd-client"} {
		found = append(found, s.certificate(name)...)
	}
	return append(found, s.elsewhere()...)
}

// kubeletClientCertificate wants the certificate that the kubelet shows the API
// server. Without it a kubelet that starts again never gets to know its pods.
func (s *subject) kubeletClientCertificate(context.Context) []Finding {
	return s.certificate("kubelet-client")
}

func (s *subject) certificate(name string) []Finding {
	c, ok := s.find(name)
	switch {
	case !ok:
		return bad(hint.New(fmt.Errorf("%w: nothing is known of the certificate %s", ErrNode, name), "%s", remake(name)))
	case c.Err != nil:
		return bad(or(c.Err, "%s", remake(name)))
	case c.Bad != nil:
		return bad(or(c.Bad, "%s", remake(name)))
	}
	if end := c.Certificate.Leaf.NotAfter; end.Before(s.Facts.Time.Add(soon)) {
		return warn(hint.New(fmt.Errorf("certificate %s expires on %s", c.Cert, end.UTC().Format(time.RFC3339)), "%s", remake(name)))
	}
	return nil
}

func remake(name string) string {
	if name == "kubelet-client" {
		return "look at what the kubelet uses: grep client- /etc/kubernetes/kubelet.conf"
	}
	return "make a new one: kubeadm certs renew " + name
}

func (s *subject) find(name string) (node.Certificate, bool) {
	i := slices.IndexFunc(s.Facts.Certificates, func(c node.Certificate) bool { return c.Name == name })
	if i < 0 {
		return node.Certificate{}, false
	}
	return s.Facts.Certificates[i], true
}

// elsewhere warns of certificates that etcd takes from other places than kubeadm's,
// which are those that have been looked at.
func (s *subject) elsewhere() (found []Finding) {
	e := s.Facts.Etcd
	if e.Err != nil || e.FlagsErr != nil {
		return nil
	}
	for _, c := range []struct{ flag, name string }{{"cert-file", "etcd-server"}, {"peer-cert-file", "etcd-peer"}} {
		value, err := e.Flags.Get(c.flag)
		known, ok := s.find(c.name)
		if err != nil || value.Value == "" || !ok {
			continue
		}
		path, err := e.File.Manifest.HostPath(e.Container, value.Value)
		if err != nil || s.Node.Path(path) != known.Cert {
			found = append(found, warn(fmt.Errorf("etcd uses --%s=%s, and what was looked at is %s", c.flag, value.Value, known.Cert))...)
		}
	}
	return found
}

// etcdCertificateSANs wants the certificates to name the addresses at which etcd
// listens and is looked for. One that does not is refused by the other members, and
// by the API server.
func (s *subject) etcdCertificateSANs(context.Context) []Finding {
	e := s.Facts.Etcd
	if e.Err != nil || e.FlagsErr != nil {
		return skip("etcd's addresses are not known, see EtcdManifest and EtcdFlags")
	}
	peers := slices.Concat(e.PeerURLs, e.ListenPeerURLs)
	if s.Cluster != nil {
		if m, ok := s.Cluster.Member(e.Name); ok {
			peers = append(peers, m.PeerURLs...)
		}
	}
	return append(
		s.covers("etcd-server", slices.Concat(e.ClientURLs, e.ListenClientURLs)),
		s.covers("etcd-peer", peers)...)
}

// covers looks for the hosts of URLs in a certificate. One that cannot be read is
// told of by EtcdCertificates.
func (s *subject) covers(name string, urls []string) []Finding {
	c, ok := s.find(name)
	if !ok || c.Certificate == nil {
		return skip("the certificate %s cannot be read, see EtcdCertificates", name)
	}
	hosts, errs := hostsOf(urls)
	for _, host := range hosts {
		// To renew it would keep the addresses that it has.
		errs = append(errs, hint.New(c.Certificate.Covers(host), "if the address is right, make it anew: move %s and %s away, then run kubeadm init phase certs %s",
			hint.Path(c.Cert), hint.Path(c.Key), name))
	}
	return bad(errs...)
}

// hostsOf are the hosts that a client has to believe in, each once.
func hostsOf(urls []string) (hosts []string, errs []error) {
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			if err == nil {
				err = errors.New("it has no host")
			}
			errs = append(errs, hint.New(fmt.Errorf("%w: address %q: %w", ErrNode, text, err), "correct it in etcd's manifest"))
			continue
		}
		ip, err := netip.ParseAddr(u.Hostname())
		if u.Scheme != "https" || err == nil && ip.IsUnspecified() || slices.Contains(hosts, u.Hostname()) {
			continue
		}
		hosts = append(hosts, u.Hostname())
	}
	return hosts, errs
}
