package kubeadm

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Files is a certificate and what belongs to it. Paths are as Node gives them.
type Files struct {
	Name string // what kubeadm calls it
	Cert string
	Key  string // may be Cert
	CA   string // what signed it
}

// Certificates are those that a restore depends on, where kubeadm puts them.
func (n Node) Certificates() []Files {
	etcd := n.PKI("etcd/ca.crt")
	return []Files{
		{"etcd-server", n.PKI("etcd/server.crt"), n.PKI("etcd/server.key"), etcd},
		{"etcd-peer", n.PKI("etcd/peer.crt"), n.PKI("etcd/peer.key"), etcd},
		{"etcd-healthcheck-client", n.PKI("etcd/healthcheck-client.crt"), n.PKI("etcd/healthcheck-client.key"), etcd},
		{"apiserver-etcd-client", n.PKI("apiserver-etcd-client.crt"), n.PKI("apiserver-etcd-client.key"), etcd},
		{"kubelet-client", n.KubeletClient(), n.KubeletClient(), n.PKI("ca.crt")},
	}
}

// Certificate is what a certificate says.
type Certificate struct {
	Files
	Leaf *x509.Certificate
	pool *x509.CertPool
	rest *x509.CertPool // what lies between the leaf and the authority
}

// ReadCertificate reads a certificate, its authority, and its key as far as to know
// that it fits.
func (n Node) ReadCertificate(f Files) (*Certificate, error) {
	chain, err := n.readFile(f.Cert)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w", f.Name, err)
	}
	key, err := n.readFile(f.Key)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", f.Name, err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, fmt.Errorf("%w: %s with %s: %w", ErrCertificate, f.Cert, f.Key, err)
	}
	ca, err := n.readFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("authority of %s: %w", f.Name, err)
	}
	c := &Certificate{Files: f, Leaf: pair.Leaf, pool: x509.NewCertPool(), rest: x509.NewCertPool()}
	if !c.pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%w: %s holds no certificate", ErrCertificate, f.CA)
	}
	for _, der := range pair.Certificate[1:] {
		between, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrCertificate, f.Cert, err)
		}
		c.rest.AddCert(between)
	}
	return c, nil
}

// Check reports whether the certificate is good at a time: in force, as its
// authority is, and signed by that.
func (c *Certificate) Check(at time.Time) error {
	const day = "2006-01-02 15:04 MST"
	switch {
	case at.After(c.Leaf.NotAfter):
		return hint.New(fmt.Errorf("%w: %s expired on %s", ErrCertificate, c.Cert, c.Leaf.NotAfter.UTC().Format(day)), "%s", c.renewal())
	case at.Before(c.Leaf.NotBefore):
		return hint.New(fmt.Errorf("%w: %s is valid from %s on", ErrCertificate, c.Cert, c.Leaf.NotBefore.UTC().Format(day)), "set the clock of the node")
	}
	_, err := c.Leaf.Verify(x509.VerifyOptions{Roots: c.pool, Intermediates: c.rest, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return hint.New(fmt.Errorf("%w: %s is not backed by %s: %w", ErrCertificate, c.Cert, c.CA, err), "%s", c.renewal())
	}
	return nil
}

// Covers reports whether a server with the certificate is believed at an address,
// an IP or a name.
func (c *Certificate) Covers(host string) error {
	if err := c.Leaf.VerifyHostname(host); err != nil {
		return hint.New(fmt.Errorf("%w: %s: %w", ErrCertificate, c.Cert, err), "%s", c.renewal())
	}
	return nil
}

func (c *Certificate) renewal() string {
	switch c.Name {
	case "kubelet-client":
		return "make a new kubelet.conf on this node: kubeadm kubeconfig user --org system:nodes --client-name system:node:NAME"
	default:
		return "run kubeadm certs renew " + c.Name
	}
}

// Authority reads the first certificate of an authority, for its expiry.
func (n Node) Authority(path string) (*x509.Certificate, error) {
	text, err := n.readFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, fmt.Errorf("%w: %s holds no certificate", ErrCertificate, path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCertificate, path, err)
	}
	return cert, nil
}
