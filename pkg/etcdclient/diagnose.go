package etcdclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// alertWait is how long a member may take to turn our certificate down: in
// TLS 1.3 it does so after the handshake. Only a failure ever waits for it.
const alertWait = time.Second

// diagnose connects once more, by hand, to find out why a member cannot be
// reached. It returns nil if nothing is wrong up to the level of TLS.
func (m *member) diagnose(ctx context.Context) error {
	address, secure, ok := m.address()
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, m.dialTimeout+alertWait)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return hint.New(fmt.Errorf("%w: %w", ErrUnreachable, err),
			"check the endpoint, firewalls, and that etcd runs there")
	}
	defer conn.Close()
	if !secure {
		return diagnosePlain(ctx, conn)
	}
	return diagnoseTLS(ctx, conn, m.tlsConfig, address)
}

// address returns where the endpoint listens and whether TLS is spoken to it,
// by etcd's rules. Unix sockets are not for diagnosis.
func (m *member) address() (address string, secure, ok bool) {
	scheme, rest, found := strings.Cut(m.endpoint, "://")
	switch {
	case !found:
		return m.endpoint, m.tlsConfig != nil, !strings.HasPrefix(m.endpoint, "unix")
	case scheme == "https":
		return rest, true, true
	default:
		return rest, false, scheme == "http"
	}
}

// diagnosePlain finds out whether a member to which we talk plainly wants TLS.
func diagnosePlain(ctx context.Context, conn net.Conn) error {
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}) // asks only for its kind
	if client.HandshakeContext(ctx) != nil {
		return nil
	}
	return hint.New(fmt.Errorf("%w: the member serves with TLS only", ErrUnreachable),
		"use https:// and give the certificates")
}

func diagnoseTLS(ctx context.Context, conn net.Conn, cfg *tls.Config, address string) error {
	if cfg = cfg.Clone(); cfg == nil {
		cfg = &tls.Config{}
	}
	cfg.NextProtos = []string{"h2"}
	cfg.ServerName, _, _ = net.SplitHostPort(address)
	client := tls.Client(conn, cfg)
	err := client.HandshakeContext(ctx)
	if err == nil {
		_ = client.SetReadDeadline(time.Now().Add(alertWait))
		_, err = client.Read(make([]byte, 1))
	}
	return explainTLS(err)
}

// explainTLS words the error of a handshake, or of the first read after it.
func explainTLS(err error) error {
	var (
		expired  x509.CertificateInvalidError
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		noTLS    tls.RecordHeaderError
		received *net.OpError
	)
	is, next := ErrCertificate, ""
	switch {
	case err == nil, errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return nil
	case errors.As(err, &expired):
		next = "the member's certificate, or this machine's clock, is out of date: renew it (kubeadm certs renew all)"
	case errors.As(err, &unknown):
		next = "give the CA certificate that signed the member's certificate"
	case errors.As(err, &name):
		next = "use a host name or an address that the member's certificate names"
	case errors.As(err, &received) && received.Op == "remote error":
		next = "give a client certificate that the members' CA signed"
	case errors.As(err, &noTLS), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		is, next = ErrUnreachable, "the member seems to serve without TLS: use http:// and no certificates"
		err = fmt.Errorf("TLS handshake: %w", err)
	default:
		is, next = ErrUnreachable, "check that etcd listens at this endpoint"
	}
	return hint.New(fmt.Errorf("%w: %w", is, err), "%s", next)
}
