package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// TLS is a directory of certificates laid out as kubeadm does: ca.crt and
// {server,peer,client}.{crt,key}, every one signed by the one CA and valid for
// a day on loopback.
type TLS struct{ Dir string }

// NewTLS makes the certificates in a temporary directory of t.
func NewTLS(t T) *TLS {
	t.Helper()
	return WriteTLS(t, t.TempDir())
}

// WriteTLS makes the certificates in dir, which exists.
func WriteTLS(t T, dir string) *TLS {
	t.Helper()
	ca, err := newAuthority()
	if err != nil {
		t.Fatalf("certificate authority: %v", err)
	}
	certs := &TLS{Dir: dir}
	if err := writePEM(certs.CA(), "CERTIFICATE", ca.cert.Raw, 0o644); err != nil {
		t.Fatalf("%v", err)
	}
	for _, name := range []string{"server", "peer", "client"} {
		if err := ca.issue(name, certs.Cert(name), certs.Key(name)); err != nil {
			t.Fatalf("certificate %s: %v", name, err)
		}
	}
	return certs
}

// CA is the path of the authority's certificate.
func (c *TLS) CA() string { return filepath.Join(c.Dir, "ca.crt") }

// Cert is the path of the certificate called name: server, peer or client.
func (c *TLS) Cert(name string) string { return filepath.Join(c.Dir, name+".crt") }

// Key is the path of the private key that belongs to Cert(name).
func (c *TLS) Key(name string) string { return filepath.Join(c.Dir, name+".key") }

// ClientConfig is what a Go client needs to talk to the servers.
func (c *TLS) ClientConfig() (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.Cert("client"), c.Key("client"))
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(c.CA())
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	return &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots}, nil
}

// serverFlags makes a member demand certificates of clients and peers alike.
func (c *TLS) serverFlags() []string {
	return []string{
		"--client-cert-auth", "--trusted-ca-file", c.CA(), "--cert-file", c.Cert("server"), "--key-file", c.Key("server"),
		"--peer-client-cert-auth", "--peer-trusted-ca-file", c.CA(), "--peer-cert-file", c.Cert("peer"), "--peer-key-file", c.Key("peer"),
	}
}

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := newCertificate("etcd-ca")
	template.IsCA = true
	template.BasicConstraintsValid = true
	template.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert, key}, err
}

// issue signs a certificate for both ends of a connection: peers call each
// other with the certificate they serve, and etcd's gateway calls its server.
func (a *authority) issue(name, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := newCertificate(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	template.DNSNames = []string{"localhost"}
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(keyFile, "PRIVATE KEY", der, 0o600); err != nil {
		return err
	}
	return writePEM(certFile, "CERTIFICATE", cert, 0o644)
}

func newCertificate(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(24 * time.Hour),
	}
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
