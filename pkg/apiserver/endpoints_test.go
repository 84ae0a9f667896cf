package apiserver_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

// service serves the endpoints of the kubernetes Service; they may change.
type service struct {
	slices atomic.Pointer[[]discoveryv1.EndpointSlice]
}

func (s *service) set(slices ...discoveryv1.EndpointSlice) { s.slices.Store(&slices) }

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices" || r.URL.Query().Get("labelSelector") != "kubernetes.io/service-name=kubernetes" {
		refuse(w, 403, metav1.StatusReasonForbidden)
		return
	}
	answer(w, 200, discoveryv1.EndpointSliceList{TypeMeta: metav1.TypeMeta{Kind: "EndpointSliceList", APIVersion: "discovery.k8s.io/v1"}, Items: *s.slices.Load()})
}

// sliceOf is a slice for each of the addresses, which have ports of their own.
func sliceOf(addresses ...string) []discoveryv1.EndpointSlice {
	var slices []discoveryv1.EndpointSlice
	for _, text := range addresses {
		address := netip.MustParseAddrPort(text)
		port := int32(address.Port())
		slices = append(slices, discoveryv1.EndpointSlice{
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{address.Addr().String()}}},
			Ports:     []discoveryv1.EndpointPort{{Port: &port}},
		})
	}
	return slices
}

func addrPort(s *httptest.Server) string { return s.Listener.Addr().String() }

func TestEndpoints(t *testing.T) {
	t.Parallel()
	port, wrong := int32(6443), int32(70000)
	var s service
	s.set(
		discoveryv1.EndpointSlice{
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.12"}}, {Addresses: []string{"10.0.0.11", "nonsense"}}},
			Ports:     []discoveryv1.EndpointPort{{Port: &port}, {Port: &wrong}, {}},
		},
		discoveryv1.EndpointSlice{
			Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"10.0.0.12", "fd00::11"}}},
			Ports:     []discoveryv1.EndpointPort{{Port: &port}},
		},
	)
	got, err := dial(t, &s).Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.AddrPort{
		netip.MustParseAddrPort("10.0.0.11:6443"), netip.MustParseAddrPort("10.0.0.12:6443"), netip.MustParseAddrPort("[fd00::11]:6443"),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if _, err := dial(t, http.NotFoundHandler()).Endpoints(t.Context()); err == nil {
		t.Error("no error where there is no such API")
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	now := time.Now()
	deny := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { refuse(w, 401, metav1.StatusReasonUnauthorized) })
	cert, key := a.issue(t, now.Add(-2*time.Hour), time.Hour, net.IPv4(192, 0, 2, 1))
	plain := httptest.NewServer(deny)
	t.Cleanup(plain.Close)

	live := map[string]string{
		"ours":                        addrPort(a.start(t, deny)),
		"expired and of another name": addrPort(serve(t, cert, key, deny)),
	}
	dead := map[string]string{
		"refused":       strings.TrimPrefix(deadURL(t), "https://"),
		"black hole":    blackHole(t),
		"hangs":         silent(t).Addr().String(),
		"other cluster": addrPort(newAuthority(t).start(t, deny)),
		"no TLS":        addrPort(plain),
	}
	c := dialTo(t, a.kubeconfig(t, deadURL(t)), quick())
	probe := func(name, address string) error {
		want := netip.MustParseAddrPort(address)
		got := c.Probe(t.Context(), []netip.AddrPort{want})
		if len(got) != 1 || got[0].Address != want {
			t.Fatalf("%s: got %v", name, got)
		}
		return got[0].Err
	}
	for name, address := range live {
		if err := probe(name, address); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, address := range dead {
		if err := probe(name, address); err == nil {
			t.Errorf("%s: taken for an API server of the cluster", name)
		}
	}
}

func TestWaitEndpoints(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	var s service
	var api *httptest.Server
	dead := strings.TrimPrefix(deadURL(t), "https://")
	var asked atomic.Int32
	api = a.start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked.Add(1) {
		case 1:
			s.set() // there is none yet: that is no success
		case 2:
			s.set(sliceOf(dead, addrPort(api))...)
		default:
			s.set(sliceOf(addrPort(api))...)
		}
		s.ServeHTTP(w, r)
	}))
	if err := dialTo(t, a.kubeconfig(t, api.URL), quick()).WaitEndpoints(t.Context()); err != nil || asked.Load() != 3 {
		t.Errorf("asked %d times: %v", asked.Load(), err)
	}
}

func TestStaleEndpoints(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	var s service
	api := a.start(t, &s)
	dead := strings.TrimPrefix(deadURL(t), "https://")
	s.set(sliceOf(dead, addrPort(api))...)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := dialTo(t, a.kubeconfig(t, api.URL), quick()).WaitEndpoints(ctx)
	check(t, err, apiserver.ErrStale, dead+" (connect: connection refused)")
	if err != nil && (strings.Contains(err.Error(), addrPort(api)) || !errors.Is(err, context.DeadlineExceeded)) {
		t.Errorf("got %v", err)
	}
}
