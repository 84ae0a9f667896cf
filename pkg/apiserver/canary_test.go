package apiserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

// old is an API server whose etcd is at revision 1000, and what it says of
// revision 500.
type old struct {
	revision string // "": 1000
	list     http.HandlerFunc
	watch    http.HandlerFunc
}

func (o old) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("watch") != "" && q.Get("resourceVersion") == "500":
		o.watch(w, r)
	case q.Get("resourceVersionMatch") == "Exact" && q.Get("resourceVersion") == "500" && q.Get("limit") == "1":
		o.list(w, r)
	case !q.Has("resourceVersion") && q.Get("limit") == "1":
		revision := o.revision
		if revision == "" {
			revision = "1000"
		}
		listOf(revision)(w, r)
	default:
		refuse(w, 400, metav1.StatusReasonBadRequest)
	}
}

func listOf(revision string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, corev1.ConfigMapList{TypeMeta: metav1.TypeMeta{Kind: "ConfigMapList", APIVersion: "v1"}, ListMeta: metav1.ListMeta{ResourceVersion: revision}})
	}
}

func refusal(code int, reason metav1.StatusReason) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { refuse(w, code, reason) }
}

// event begins a watch, sends an event unless it is "", and goes on until the client
// has enough, or ends at once.
func event(kind string, object any, end bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if kind != "" {
			_ = json.NewEncoder(w).Encode(map[string]any{"type": kind, "object": object})
		}
		_ = http.NewResponseController(w).Flush()
		if !end {
			<-r.Context().Done()
		}
	}
}

func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestCanary(t *testing.T) {
	t.Parallel()
	gone := refusal(410, metav1.StatusReasonExpired)
	expired := event("ERROR", status(410, metav1.StatusReasonExpired), false)
	added := event("ADDED", corev1.ConfigMap{TypeMeta: metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"}}, false)
	for name, tc := range map[string]struct {
		server old
		want   error // nil: it passes
		text   string
	}{
		"expired, told in the watch":   {old{list: gone, watch: expired}, nil, ""},
		"expired, no watch at all":     {old{list: gone, watch: gone}, nil, ""},
		"only the memory is new":       {old{list: listOf("500"), watch: expired}, apiserver.ErrNotCompacted, "can be read"},
		"watch goes on":                {old{list: gone, watch: added}, apiserver.ErrNotCompacted, "goes on"},
		"watch stays open":             {old{list: gone, watch: event("", nil, false)}, apiserver.ErrNotCompacted, "stays open"},
		"list hangs":                   {old{list: hang}, apiserver.ErrUnreachable, "list at revision 500"},
		"watch hangs before it begins": {old{list: gone, watch: hang}, apiserver.ErrUnreachable, "watch from revision 500"},
		"watch ends":                   {old{list: gone, watch: event("", nil, true)}, apiserver.ErrUnreachable, "ended without an answer"},
		"list forbidden":               {old{list: refusal(403, metav1.StatusReasonForbidden)}, apiserver.ErrForbidden, "list at revision 500"},
		"watch forbidden":              {old{list: gone, watch: refusal(403, metav1.StatusReasonForbidden)}, apiserver.ErrForbidden, "watch from revision 500"},
		"watch unauthorized in stream": {old{list: gone, watch: event("ERROR", status(401, metav1.StatusReasonUnauthorized), false)}, apiserver.ErrCredentials, "watch from revision 500"},
		"garbage in stream":            {old{list: gone, watch: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "]") }}, apiserver.ErrUnreachable, "watch from revision 500"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := dial(t, tc.server).Canary(t.Context(), 500)
			if tc.want != nil {
				check(t, err, tc.want, tc.text)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCanaryAtNoOldRevision(t *testing.T) {
	t.Parallel()
	c := dial(t, old{})
	for _, revision := range []int64{-1, 0, 1000, 1001, 1 << 60} {
		if err := c.Canary(t.Context(), revision); !errors.Is(err, apiserver.ErrRevision) {
			t.Errorf("%d: got %v", revision, err)
		}
	}
}

func TestRevision(t *testing.T) {
	t.Parallel()
	if got, err := dial(t, old{}).Revision(t.Context()); err != nil || got != 1000 {
		t.Errorf("got %d, %v", got, err)
	}
	for _, text := range []string{"0", "-1", "x", "99999999999999999999"} {
		if got, err := dial(t, old{revision: text}).Revision(t.Context()); err == nil {
			t.Errorf("%q: got %d", text, got)
		}
	}
}

func TestCanaryIsInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	a := newAuthority(t)
	s := a.start(t, old{list: refusal(410, metav1.StatusReasonExpired), watch: func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	}})
	c := dialTo(t, a.kubeconfig(t, s.URL), apiserver.Options{RequestTimeout: time.Minute, WatchTimeout: time.Minute})
	err := c.Canary(ctx, 500)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "unreachable") {
		t.Errorf("got %v", err)
	}
}
