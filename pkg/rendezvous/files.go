package rendezvous

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Files are the certificates with which etcd serves its peers.
type Files struct {
	Cert string // peer.crt
	Key  string // peer.key
	CA   string // ca.crt
}

// config is for both ends of a connection.
func (f Files) config() (*tls.Config, error) {
	const next = "give the files of etcd's --peer-cert-file, --peer-key-file and --peer-trusted-ca-file"
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, hint.New(fmt.Errorf("%w: %s with %s: %w", ErrCertificate, f.Cert, f.Key, err), next)
	}
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		return nil, hint.New(fmt.Errorf("%w: %s expired on %s", ErrCertificate, f.Cert, end.UTC().Format(time.DateTime)), "run kubeadm certs renew etcd-peer")
	}
	pem, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, hint.New(fmt.Errorf("%w: %w", ErrCertificate, err), next)
	}
	authority := x509.NewCertPool()
	if !authority.AppendCertsFromPEM(pem) {
		return nil, hint.New(fmt.Errorf("%w: %s holds no certificate", ErrCertificate, f.CA), next)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		RootCAs:      authority,
		ClientCAs:    authority,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, nil
}
