package preflight_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// leaf is what is special about a certificate. The zero value is a good one.
type leaf struct {
	from, to time.Duration // from now
	hosts    []string
	by       *authority
}

func newAuthority(t *testing.T, now time.Time) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	a := &authority{key: key, cert: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "etcd-ca"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	must(t, err)
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

// issue puts a certificate where kubeadm has it, and beside it the authority that it
// should be from.
func (w *world) issue(t *testing.T, name string, l leaf) {
	t.Helper()
	if l.from == 0 {
		l.from = -time.Hour
	}
	if l.to == 0 {
		l.to = 365 * 24 * time.Hour
	}
	if l.hosts == nil {
		l.hosts = []string{"localhost", "cp1", "127.0.0.1", "::1", address}
	}
	if l.by == nil {
		l.by = w.ca
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "cp1"}, NotBefore: w.now.Add(l.from), NotAfter: w.now.Add(l.to)}
	for _, host := range l.hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, l.by.cert, &key.PublicKey, l.by.key)
	must(t, err)
	secret, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	private := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret})
	for _, files := range w.node.Certificates() {
		if files.Name != name {
			continue
		}
		put := func(path string, text []byte) {
			must(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must(t, os.WriteFile(path, text, 0o600))
		}
		if files.Key == files.Cert {
			cert = append(cert, private...)
		} else {
			put(files.Key, private)
		}
		put(files.Cert, cert)
		put(files.CA, w.ca.pem)
	}
}
