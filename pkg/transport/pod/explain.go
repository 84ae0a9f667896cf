package pod

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// explain says what a request was for, and why it failed. what is a verb and a resource,
// as kubectl auth can-i takes them. It is given the caller's context: that of the request
// may have ended by itself.
func (c *Cluster) explain(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, c.reason(ctx, what, err))
}

func (c *Cluster) reason(ctx context.Context, what string, err error) error {
	switch text := err.Error(); {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case strings.Contains(text, "violates PodSecurity"):
		return hint.New(fmt.Errorf("%w: %w", ErrAdmission, err),
			"a helper pod needs the folders of its node: kubectl label namespace %s --overwrite pod-security.kubernetes.io/enforce=privileged; or go there by ssh: --ssh root@HOST", namespace)
	case apierrors.IsForbidden(err) && strings.Contains(text, " cannot "), strings.Contains(text, "is forbidden: User "):
		return hint.New(fmt.Errorf("%w: %w", ErrForbidden, err), "see what you may: kubectl auth can-i %s -n %s; an administrator of the cluster may, or go there by ssh: --ssh root@HOST", what, namespace)
	case strings.Contains(text, "admission webhook"), strings.Contains(text, "ValidatingAdmissionPolicy"), apierrors.IsForbidden(err), apierrors.IsInvalid(err):
		return hint.New(fmt.Errorf("%w: %w", ErrAdmission, err), "exempt namespace %s from that rule for as long as it takes, or go there by ssh: --ssh root@HOST", namespace)
	case apierrors.IsUnauthorized(err), strings.Contains(text, "Unauthorized"):
		return c.unknown(err)
	case apierrors.ReasonForError(err) != "": // it is an answer
		return err
	default:
		return c.disconnected(ctx, err)
	}
}

// renewal is the way out of most trouble with a kubeconfig.
const renewal = "give the kubeconfig of an administrator: --kubeconfig FILE, such as a fresh /etc/kubernetes/admin.conf; or go there by ssh: --ssh root@HOST"

func credentials(why string) error {
	return hint.New(fmt.Errorf("%w: %s", ErrCredentials, why), "%s", renewal)
}

// unknown is for a client whom the API server does not know: it does not say why.
func (c *Cluster) unknown(err error) error {
	if why := expired(c.config, time.Now()); why != "" {
		return credentials(why)
	}
	return hint.New(fmt.Errorf("%w: %w", ErrCredentials, err), "%s", renewal)
}

// expired looks at the certificate of the client.
func expired(config *rest.Config, now time.Time) string {
	if config == nil {
		return ""
	}
	cert, key := config.CertData, config.KeyData
	if len(cert) == 0 && config.CertFile != "" {
		cert, _ = os.ReadFile(config.CertFile)
		key, _ = os.ReadFile(config.KeyFile)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err == nil && now.After(pair.Leaf.NotAfter) {
		return "the client certificate of the kubeconfig expired on " + pair.Leaf.NotAfter.UTC().Format("2006-01-02 15:04 MST")
	}
	return ""
}

// disconnected words an error of the connection.
func (c *Cluster) disconnected(ctx context.Context, err error) error {
	host := ""
	if c.config != nil {
		host = " " + c.config.Host
	}
	if asked := (*url.Error)(nil); errors.As(err, &asked) {
		err = asked.Err // the URL has been said
	}
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("no answer in time")
	}
	var (
		unknown  x509.UnknownAuthorityError
		invalid  x509.CertificateInvalidError
		received *net.OpError
	)
	switch {
	case errors.As(err, &received) && received.Op == "remote error":
		return c.unknown(err)
	case errors.As(err, &unknown), errors.As(err, &invalid):
		return hint.New(fmt.Errorf("%w: the API server%s: %w", transport.ErrConnection, host, err), "%s", renewal)
	}
	return hint.New(fmt.Errorf("%w: the API server%s: %w", transport.ErrConnection, host, err),
		"with a dead API server go to the nodes by ssh, all of them: --ssh root@HOST --ssh root@HOST ...")
}
