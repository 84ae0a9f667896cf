package kubeadm_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

type leaf struct {
	notBefore, notAfter time.Time
	ips                 []net.IP
}

func newAuthority(t *testing.T, notAfter time.Time) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "etcd-ca"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.pem = sign(t, a.cert, a.cert, a.key, a.key)
	return a
}

func (a *authority) issue(t *testing.T, l leaf) (cert, key []byte) {
	t.Helper()
	if l.notBefore.IsZero() {
		l.notBefore = now.AddDate(-1, 0, 0)
	}
	k := newKey(t)
	cert = sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "cp1"}, NotBefore: l.notBefore, NotAfter: l.notAfter,
		IPAddresses: l.ips, DNSNames: []string{"localhost"},
	}, a.cert, k, a.key)
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sign(t *testing.T, cert, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good, old, other := newAuthority(t, now.AddDate(10, 0, 0)), newAuthority(t, now.AddDate(0, 0, -1)), newAuthority(t, now.AddDate(10, 0, 0))
	for name, tc := range map[string]struct {
		by, believed *authority
		leaf         leaf
		want         string // in the error; "" is none
	}{
		"good":              {good, good, leaf{notAfter: now.AddDate(1, 0, 0)}, ""},
		"expired":           {good, good, leaf{notAfter: now.AddDate(0, 0, -2)}, "expired on 2026-11-24"},
		"not yet":           {good, good, leaf{notBefore: now.AddDate(0, 0, 1), notAfter: now.AddDate(1, 0, 0)}, "valid from 2026-11-27"},
		"authority expired": {old, old, leaf{notAfter: now.AddDate(1, 0, 0)}, "not backed by"},
		"another authority": {other, good, leaf{notAfter: now.AddDate(1, 0, 0)}, "not backed by"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := kubeadm.Node{Root: t.TempDir()}
			files := node.Certificates()[0]
			cert, key := tc.by.issue(t, tc.leaf)
			write(t, files.Cert, cert)
			write(t, files.Key, key)
			write(t, files.CA, tc.believed.pem)
			c, err := node.ReadCertificate(files)
			if err != nil {
				t.Fatal(err)
			}
			err = c.Check(now)
			if tc.want == "" && err != nil || tc.want != "" && (!errors.Is(err, kubeadm.ErrCertificate) || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	node := kubeadm.Node{Root: t.TempDir()}
	files := node.Certificates()[1]
	ca := newAuthority(t, now.AddDate(10, 0, 0))
	cert, key := ca.issue(t, leaf{notAfter: now.AddDate(1, 0, 0), ips: []net.IP{net.IPv4(10, 99, 0, 11)}})
	write(t, files.Cert, cert)
	write(t, files.Key, key)
	write(t, files.CA, ca.pem)
	c, err := node.ReadCertificate(files)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{"10.99.0.11": true, "localhost": true, "10.99.0.12": false, "cp1": false} {
		if err := c.Covers(host); (err == nil) != want || err != nil && !errors.Is(err, kubeadm.ErrCertificate) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if a, err := node.Authority(files.CA); err != nil || !a.NotAfter.Equal(now.AddDate(10, 0, 0)) {
		t.Errorf("authority: %v", err)
	}
}

func TestReadCertificateRefuses(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, now.AddDate(10, 0, 0))
	cert, key := ca.issue(t, leaf{notAfter: now.AddDate(1, 0, 0)})
	_, otherKey := ca.issue(t, leaf{notAfter: now.AddDate(1, 0, 0)})
	for name, tc := range map[string]struct{ cert, key, ca []byte }{
		"another key":  {cert, otherKey, ca.pem},
		"no PEM":       {[]byte("hello"), key, ca.pem},
		"no authority": {cert, key, []byte("hello")},
		"key as CA":    {cert, key, key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := kubeadm.Node{Root: t.TempDir()}
			files := node.Certificates()[0]
			write(t, files.Cert, tc.cert)
			write(t, files.Key, tc.key)
			write(t, files.CA, tc.ca)
			_, err := node.ReadCertificate(files)
			if !errors.Is(err, kubeadm.ErrCertificate) {
				t.Errorf("got %v, want ErrCertificate", err)
			}
			if err != nil && strings.Contains(err.Error(), "PRIVATE") {
				t.Errorf("the error shows a key: %v", err)
			}
		})
	}
}
