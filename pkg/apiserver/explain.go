package apiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// short returns a context for one request, connecting included.
func (c *Client) short(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(quiet(ctx), c.opts.RequestTimeout)
}

// quiet keeps client-go from printing what it returns anyway.
func quiet(ctx context.Context) context.Context {
	return klog.NewContext(ctx, klog.Logger{})
}

// explain turns the error of a request into one that says what, where and why. It
// is given the caller's context: that of the request may have ended by itself.
func (c *Client) explain(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", what, c.server, c.reason(ctx, err))
}

func (c *Client) reason(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case apierrors.IsUnauthorized(err):
		return hint.New(fmt.Errorf("%w: %w", ErrCredentials, err), "%s", renewal)
	case apierrors.IsForbidden(err):
		return hint.New(fmt.Errorf("%w: %w", ErrForbidden, err), "use a kubeconfig of the group system:masters, such as /etc/kubernetes/super-admin.conf")
	case apierrors.ReasonForError(err) != "": // it is an answer
		return err
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		return disconnected(fmt.Errorf("no answer in time: %w", plainURL(err)))
	default:
		return disconnected(plainURL(err))
	}
}

// disconnected words an error of the connection.
func disconnected(err error) error {
	var (
		expired  x509.CertificateInvalidError
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		noTLS    tls.RecordHeaderError
		received *net.OpError
	)
	is, next := ErrUnreachable, "look whether its container runs, and at its log: crictl ps -a --name kube-apiserver"
	switch {
	case errors.As(err, &expired):
		is, next = ErrCertificate, "it, or this machine's clock, is out of date: kubeadm certs renew apiserver"
	case errors.As(err, &unknown):
		is, next = ErrCertificate, "use a kubeconfig of this cluster: its certificate authority signed another server"
	case errors.As(err, &name):
		is, next = ErrCertificate, "it has to name the node's address: kubeadm init phase certs apiserver makes one that does, once the old one is moved away"
	case errors.As(err, &received) && received.Op == "remote error":
		is, next = ErrCredentials, renewal
	case errors.As(err, &noTLS):
		next = "something else listens there"
	}
	return hint.New(fmt.Errorf("%w: %w", is, err), "%s", next)
}

// plainURL is an error without the URL, which has been said.
func plainURL(err error) error {
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		return asked.Err
	}
	return err
}
