package etcdclient

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Config says where the members are and how to prove who we are.
type Config struct {
	Endpoints []string // client URLs, or host:port

	CAFile   string // PEM bundle that signed the servers; empty: the system's roots
	CertFile string // client certificate, together with KeyFile
	KeyFile  string

	RequireTLS         bool // TLS even for an endpoint without https://
	InsecureSkipVerify bool // accept any server certificate

	Username string
	Password string

	DialTimeout      time.Duration // to connect to one endpoint; zero: 2 s
	RequestTimeout   time.Duration // for one short request; zero: 5 s
	KeepAliveTime    time.Duration // zero: 10 s, below which gRPC does not go
	KeepAliveTimeout time.Duration // zero: 6 s
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&c.DialTimeout, 2 * time.Second},
		{&c.RequestTimeout, 5 * time.Second},
		{&c.KeepAliveTime, 10 * time.Second},
		{&c.KeepAliveTimeout, 6 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	return c
}

// tlsConfig reads the certificates. It returns nil if no endpoint needs any:
// etcd's client makes one for a lone https:// endpoint.
func (c Config) tlsConfig(now time.Time) (*tls.Config, error) {
	if c.CAFile == "" && c.CertFile == "" && c.KeyFile == "" && !c.RequireTLS && !c.InsecureSkipVerify {
		return nil, nil
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: c.InsecureSkipVerify, // only ever on request
	}
	if c.CAFile != "" {
		roots, err := readCA(c.CAFile)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = roots
	}
	if c.CertFile != "" || c.KeyFile != "" {
		pair, err := readPair(c.CertFile, c.KeyFile, now)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

func readCA(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, unreadable("CA certificate", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, hint.New(fmt.Errorf("%w: %s holds no CA certificate", ErrCertificate, file),
			"give the PEM file of the authority that signed the members' certificates")
	}
	return roots, nil
}

func readPair(certFile, keyFile string, now time.Time) (tls.Certificate, error) {
	if certFile == "" || keyFile == "" {
		return tls.Certificate{}, hint.New(
			fmt.Errorf("%w: a client certificate and its key come together, only one was given", ErrCertificate),
			"give both files")
	}
	cert, err := os.ReadFile(certFile)
	if err != nil {
		return tls.Certificate{}, unreadable("client certificate", err)
	}
	key, err := os.ReadFile(keyFile)
	if err != nil {
		return tls.Certificate{}, unreadable("client key", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, hint.New(
			fmt.Errorf("%w: %s and %s: %w", ErrCertificate, certFile, keyFile, err),
			"give a PEM certificate and the private key that belongs to it")
	}
	// A server would turn it down with nothing but "bad certificate".
	if end := pair.Leaf.NotAfter; now.After(end) {
		return tls.Certificate{}, hint.New(
			fmt.Errorf("%w: %s expired on %s", ErrCertificate, certFile, end.UTC().Format(time.DateTime)),
			"renew it (kubeadm certs renew all) or give another one")
	}
	return pair, nil
}

func unreadable(what string, err error) error {
	next := "check that the file is readable PEM"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		next = "check the path"
	case errors.Is(err, fs.ErrPermission):
		next = "run as a user who may read it, usually root"
	}
	return hint.New(fmt.Errorf("%w: %s: %w", ErrCertificate, what, err), "%s", next)
}
