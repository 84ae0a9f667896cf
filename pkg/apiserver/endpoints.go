package apiserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Endpoint is an address to which the kubernetes Service leads, and why no API
// server of this cluster is there; Err is nil if one is.
type Endpoint struct {
	Address netip.AddrPort
	Err     error
}

// Endpoints are the addresses to which the kubernetes Service leads, sorted.
func (c *Client) Endpoints(ctx context.Context) ([]netip.AddrPort, error) {
	request, cancel := c.short(ctx)
	defer cancel()
	slicesOf := discoveryv1.LabelServiceName + "=kubernetes"
	list, err := c.kube.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(request, metav1.ListOptions{LabelSelector: slicesOf})
	if err != nil {
		return nil, c.explain(ctx, "endpoints of the kubernetes Service", err)
	}
	var found []netip.AddrPort
	for _, slice := range list.Items {
		for _, endpoint := range slice.Endpoints {
			found = append(found, addresses(endpoint.Addresses, slice.Ports)...)
		}
	}
	slices.SortFunc(found, netip.AddrPort.Compare)
	return slices.Compact(found), nil
}

// addresses joins the addresses of an endpoint with the ports of its slice. What
// is no address is nobody's.
func addresses(ips []string, ports []discoveryv1.EndpointPort) []netip.AddrPort {
	var found []netip.AddrPort
	for _, text := range ips {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			continue
		}
		for _, port := range ports {
			if port.Port != nil && *port.Port > 0 && *port.Port <= 1<<16-1 {
				found = append(found, netip.AddrPortFrom(ip, uint16(*port.Port)))
			}
		}
	}
	return found
}

// Probe connects to each of the addresses, all at once, and tells where an API
// server of this cluster answers: whoever has a certificate of its authority. No
// request is made, so one that is not ready yet answers, too.
func (c *Client) Probe(ctx context.Context, addresses []netip.AddrPort) []Endpoint {
	endpoints := make([]Endpoint, len(addresses))
	var probing sync.WaitGroup
	for i, address := range addresses {
		probing.Go(func() { endpoints[i] = Endpoint{address, c.probe(ctx, address)} })
	}
	probing.Wait()
	return endpoints
}

// errListens is returned for an address where something accepts connections, and
// does not show what it is.
var errListens = errors.New("no TLS handshake")

func (c *Client) probe(ctx context.Context, address netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(ctx, c.opts.DialTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	err = tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // instead of the name, which says little here, VerifyConnection looks who signed
		VerifyConnection:   c.ofCluster,
	}).HandshakeContext(ctx)
	if stranger := (x509.UnknownAuthorityError{}); err == nil || errors.As(err, &stranger) {
		return err
	}
	return fmt.Errorf("%w: %w", errListens, err)
}

// ofCluster demands a certificate of the cluster's authority. One that has expired
// will do: its API server is in trouble, but it is there.
func (c *Client) ofCluster(state tls.ConnectionState) error {
	if c.unsafe {
		return nil
	}
	rest := x509.NewCertPool()
	for _, cert := range state.PeerCertificates[1:] {
		rest.AddCert(cert)
	}
	leaf := state.PeerCertificates[0]
	_, err := leaf.Verify(x509.VerifyOptions{Roots: c.roots, Intermediates: rest, CurrentTime: leaf.NotBefore})
	return err
}

// WaitEndpoints waits until an API server of this cluster answers wherever the
// kubernetes Service leads. A snapshot brings back the addresses of API servers
// that are gone since; they hang on leases of etcd, which begin anew when etcd
// starts, and API servers look every ten seconds. It takes half a minute, unless an
// entry hangs on no lease: RemoveOrphans is for those.
func (c *Client) WaitEndpoints(ctx context.Context) error {
	return poll(ctx, func(ctx context.Context) error {
		addresses, err := c.Endpoints(ctx)
		if err != nil {
			return err
		}
		if len(addresses) == 0 {
			return fmt.Errorf("%w: %s: there is none yet", ErrStale, c.server)
		}
		return stale(c.Probe(ctx, addresses))
	})
}

// stale is the error about the addresses where nobody answers.
func stale(endpoints []Endpoint) error {
	var dead []string
	for _, e := range endpoints {
		if e.Err != nil {
			dead = append(dead, fmt.Sprintf("%s (%v)", e.Address, plain(e.Err)))
		}
	}
	if len(dead) == 0 {
		return nil
	}
	return hint.New(fmt.Errorf("%w: %s", ErrStale, strings.Join(dead, ", ")),
		"start the API servers there, or if they are gone for good wait: their entries expire 15 s after etcd starts, and disappear within 10 s after that")
}

// plain is an error without the address that has been said.
func plain(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	return err
}
