package etcdclient

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Errors before and while talking to a member.
var (
	// ErrCertificate is returned when a certificate or key file cannot be
	// used, or when one end of a TLS connection turns the other's down.
	ErrCertificate = errors.New("certificate")
	// ErrUnreachable is returned when no answer comes from an endpoint.
	ErrUnreachable = errors.New("unreachable")
	// ErrDenied is returned when the member knows us not, or not well enough.
	ErrDenied = errors.New("denied")
)

// Errors of the choice of a member.
var (
	// ErrLearner is returned when only learners could give a snapshot: they
	// may be far behind.
	ErrLearner = errors.New("only learners answer")
	// ErrDifferentClusters is returned when the endpoints belong to more than
	// one cluster, whose revisions cannot be compared.
	ErrDifferentClusters = errors.New("endpoints of different clusters")
)

// Errors of a snapshot stream.
var (
	// ErrStalled is returned when a member sends nothing for too long.
	ErrStalled = errors.New("snapshot stream stalled")
	// ErrBroken is returned when the stream is not a whole snapshot: bytes
	// are missing, or the digest at its end is.
	ErrBroken = errors.New("snapshot stream broken")
	// ErrDigest is returned when the bytes are not those the member hashed.
	ErrDigest = errors.New("snapshot does not match its SHA-256")
)

// Errors of the file that a snapshot is saved to.
var (
	// ErrExists is returned when the file exists and may not be replaced.
	ErrExists = errors.New("file exists")
	// ErrTarget is returned when the path cannot be the name of a new file.
	ErrTarget = errors.New("not a place for a file")
	// ErrNoSpace is returned when the file system is too full.
	ErrNoSpace = errors.New("not enough space")
)

// explain turns the error of a call to endpoint into one that says what, where
// and why, and hints at the next step.
func explain(ctx context.Context, endpoint string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", endpoint, ctx.Err())
	}
	if denied := explainDenied(endpoint, err); denied != nil {
		return denied
	}
	if code := status.Code(err); code == codes.Unavailable || code == codes.DeadlineExceeded ||
		errors.Is(err, context.DeadlineExceeded) {
		return explainUnreachable(endpoint, reason(err))
	}
	return fmt.Errorf("%s: %s", endpoint, reason(err))
}

func explainDenied(endpoint string, err error) error {
	for _, known := range []struct {
		is   error
		hint string
	}{
		{rpctypes.ErrAuthFailed, "check the user name and the password"},
		{rpctypes.ErrUserEmpty, "the cluster demands a user: give a name and a password"},
		{rpctypes.ErrPermissionDenied, "use a user with the role root"},
		{rpctypes.ErrInvalidAuthToken, "check the user name and the password, and try again"},
	} {
		if errors.Is(rpctypes.Error(err), known.is) {
			return hint.New(fmt.Errorf("%s: %w: %s", endpoint, ErrDenied, reason(err)), "%s", known.hint)
		}
	}
	return nil
}

// explainUnreachable tells the many ways not to get through apart. gRPC hands
// up the text of a failed connection and not the error, so the text it is.
func explainUnreachable(endpoint, why string) error {
	for _, known := range []struct {
		text string
		is   error
		hint string
	}{
		{"certificate has expired or is not yet valid", ErrCertificate, "the member's certificate, or this machine's clock, is out of date: renew it (kubeadm certs renew all)"},
		{"certificate signed by unknown authority", ErrCertificate, "give the CA certificate that signed the member's certificate"},
		{"certificate is valid for", ErrCertificate, "use a host name or address that the member's certificate names"},
		{"doesn't contain any IP SANs", ErrCertificate, "use a host name that the member's certificate names"},
		{"remote error: tls:", ErrCertificate, "give a client certificate that the members' CA signed"},
		{"first record does not look like a TLS handshake", ErrUnreachable, "the member serves without TLS: use http:// and no certificates"},
		{"error reading server preface", ErrUnreachable, "does the member serve with TLS? Use https:// and give the certificates"},
		{"connection refused", ErrUnreachable, "check the endpoint, and that etcd runs there"},
		{"no such host", ErrUnreachable, "check the host name"},
	} {
		if strings.Contains(why, known.text) {
			return hint.New(fmt.Errorf("%s: %w: %s", endpoint, known.is, why), "%s", known.hint)
		}
	}
	return hint.New(fmt.Errorf("%s: %w: %s", endpoint, ErrUnreachable, why),
		"check the endpoint, firewalls, and that etcd runs there")
}

// isRPC tells an error of a call from one of our own.
func isRPC(err error) bool {
	var server rpctypes.EtcdError
	_, ok := status.FromError(err)
	return ok || errors.As(err, &server)
}

// reason is the innermost text of a gRPC error.
func reason(err error) string {
	text := err.Error()
	if s, ok := status.FromError(err); ok {
		text = s.Message()
	}
	for _, wrapping := range []string{
		"connection error: desc = ", "transport: ", "Error while dialing: ", "authentication handshake failed: ",
	} {
		if _, inner, found := strings.Cut(text, wrapping); found {
			text = inner
		}
	}
	return strings.Trim(text, `"`)
}
