package etcdclient

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// explain turns the error of a call into one that says what, where and why,
// and hints at the next step.
func (m *member) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("%s: %w", m.endpoint, ctx.Err())
	}
	why := reason(err)
	if next := deniedHint(why); next != "" {
		return hint.New(fmt.Errorf("%s: %w: %s", m.endpoint, ErrDenied, why), "%s", next)
	}
	if status.Code(err) == codes.Unimplemented || strings.Contains(why, "looked like an HTTP/1.1 header") {
		return hint.New(fmt.Errorf("%s: %w: not an etcd that serves clients: %s", m.endpoint, ErrUnreachable, why),
			"give the client URL of a member (port 2379, not 2380); HTTP proxies in the environment are used")
	}
	if !disconnected(err) {
		return fmt.Errorf("%s: %s", m.endpoint, why)
	}
	// gRPC hands up a text, and as often as not that of a symptom: where a
	// certificate was turned down it says "broken pipe".
	if found := m.diagnose(ctx); found != nil {
		return fmt.Errorf("%s: %w", m.endpoint, found)
	}
	return hint.New(fmt.Errorf("%s: %w: %s", m.endpoint, ErrUnreachable, why),
		"check that etcd runs there and is not overloaded")
}

// deniedHint recognizes the errors of authentication by their text: servers
// before 3.6 send some of them without the code that etcd's client looks for.
func deniedHint(why string) string {
	for _, known := range []struct{ text, hint string }{
		{"authentication failed, invalid user ID or password", "check the user name and the password"},
		{"user name is empty", "the cluster demands a user: give a name and a password"},
		{"permission denied", "use a user with the role root"},
		{"invalid auth token", "check the user name and the password, and try again"},
	} {
		if strings.Contains(why, known.text) {
			return known.hint
		}
	}
	return ""
}

// disconnected tells an error of the connection from an answer.
func disconnected(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.DeadlineExceeded || errors.Is(err, context.DeadlineExceeded)
}

// reason is the text of an error without gRPC's wrapping.
func reason(err error) string {
	s, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	if inner, wrapped := strings.CutPrefix(s.Message(), "connection error: desc = "); wrapped {
		return strings.Trim(inner, `"`)
	}
	return s.Message()
}
