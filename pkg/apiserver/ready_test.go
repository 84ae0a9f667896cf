package apiserver_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

const notReady = "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac/bootstrap-roles failed: reason withheld\nreadyz check failed\n"

func TestReady(t *testing.T) {
	t.Parallel()
	say := func(code int, text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" {
				t.Errorf("asked for %s", r.URL)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
		})
	}
	if err := dial(t, say(http.StatusOK, "ok")).Ready(t.Context()); err != nil {
		t.Errorf("ready: %v", err)
	}
	err := dial(t, say(http.StatusInternalServerError, notReady)).Ready(t.Context())
	if !errors.Is(err, apiserver.ErrNotReady) || !strings.Contains(err.Error(), `"etcd", "poststarthook/rbac/bootstrap-roles"`) || strings.Contains(err.Error(), "ping") {
		t.Errorf("got %v", err)
	}
	err = dial(t, say(http.StatusInternalServerError, strings.Repeat("[-]\x1b[31m"+strings.Repeat("x", 1000)+" failed\n", 1000))).Ready(t.Context())
	if !errors.Is(err, apiserver.ErrNotReady) || len(err.Error()) > 10_000 || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("got %d bytes: %.300q", len(err.Error()), err)
	}
	if err := dial(t, say(http.StatusBadGateway, "balancer")).Ready(t.Context()); err == nil {
		t.Error("a 502 is taken for ready")
	}
}

// A moment in which etcd was slow is no verdict; a server that stays that way, and one
// that nobody lets in, is one.
func TestReadyWithin(t *testing.T) {
	t.Parallel()
	say := func(asked *atomic.Int32, unready int32, code int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked.Add(1) <= unready {
				w.WriteHeader(code)
				_, _ = io.WriteString(w, notReady)
			}
		})
	}
	var asked atomic.Int32
	if err := dial(t, say(&asked, 2, 500)).ReadyWithin(t.Context(), time.Minute); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	asked.Store(0)
	if err := dial(t, say(&asked, 1000, 500)).ReadyWithin(t.Context(), time.Second); !errors.Is(err, apiserver.ErrNotReady) || asked.Load() < 2 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
	dead := dialTo(t, newAuthority(t).kubeconfig(t, deadURL(t)), quick())
	began := time.Now()
	if err := dead.ReadyWithin(t.Context(), time.Minute); !errors.Is(err, apiserver.ErrUnreachable) || time.Since(began) > 30*time.Second {
		t.Errorf("got %v", err)
	}
}

func TestWhoAnswers(t *testing.T) {
	t.Parallel()
	a, stranger := newAuthority(t), newAuthority(t)
	refused := func(code int, reason metav1.StatusReason) string {
		return a.start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, code, reason) })).URL
	}
	fine := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	at := func(from time.Time, d time.Duration, ip net.IP) string {
		cert, key := a.issue(t, from, d, ip)
		return serve(t, cert, key, fine).URL
	}
	plain := httptest.NewServer(fine)
	t.Cleanup(plain.Close)
	now, here := time.Now(), net.IPv4(127, 0, 0, 1)

	for name, tc := range map[string]struct {
		url  string
		want error
		text string
	}{
		"refused":           {deadURL(t), apiserver.ErrUnreachable, "connection refused"},
		"hangs":             {"https://" + silent(t).Addr().String(), apiserver.ErrUnreachable, "no answer in time"},
		"no TLS":            {"https://" + plain.Listener.Addr().String(), apiserver.ErrUnreachable, "HTTP"},
		"unauthorized":      {refused(401, metav1.StatusReasonUnauthorized), apiserver.ErrCredentials, "the message of Unauthorized"},
		"forbidden":         {refused(403, metav1.StatusReasonForbidden), apiserver.ErrForbidden, "the message of Forbidden"},
		"other cluster":     {stranger.start(t, fine).URL, apiserver.ErrCertificate, "unknown authority"},
		"expired":           {at(now.Add(-2*time.Hour), time.Hour, here), apiserver.ErrCertificate, "expired"},
		"name of another":   {at(now.Add(-time.Hour), 2*time.Hour, net.IPv4(192, 0, 2, 1)), apiserver.ErrCertificate, "127.0.0.1"},
		"name that is none": {"https://no-such-host.invalid:6443", apiserver.ErrUnreachable, "no-such-host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := dialTo(t, a.kubeconfig(t, tc.url), quick())
			check(t, c.Ready(t.Context()), tc.want, tc.text)
		})
	}
}

// It hangs as one behind a firewall does: even the connection is not made.
func TestBlackHole(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	o := quick()
	o.RequestTimeout = time.Minute
	c := dialTo(t, a.kubeconfig(t, "https://"+blackHole(t)), o)
	began := time.Now()
	check(t, c.Ready(t.Context()), apiserver.ErrUnreachable, "timeout")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestWaitReady(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked.Add(1) {
		case 1:
			refuse(w, 403, metav1.StatusReasonForbidden)
		case 2:
			w.WriteHeader(500)
			_, _ = io.WriteString(w, notReady)
		default:
			_, _ = io.WriteString(w, "ok")
		}
	}))
	if err := c.WaitReady(t.Context()); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestWaitReadyEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	var asked atomic.Int32
	c := dial(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 3 { // this one is cut short, and tells nothing
			cancel(enough)
			<-r.Context().Done()
			return
		}
		w.WriteHeader(500)
		_, _ = io.WriteString(w, notReady)
	}))
	err := c.WaitReady(ctx)
	if !errors.Is(err, apiserver.ErrNotReady) || !errors.Is(err, enough) || !strings.Contains(err.Error(), `"etcd"`) {
		t.Errorf("got %v", err)
	}
}
