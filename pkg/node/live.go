package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
)

// ErrNoEndpoint is returned when the manifest does not tell where etcd serves.
var ErrNoEndpoint = errors.New("no client URL is known")

// defaultEndpoint is where kubeadm lets etcd listen, next to the node's address.
const defaultEndpoint = "https://127.0.0.1:2379"

// EtcdClient says how to reach the node's own etcd, with kubeadm's certificates. An
// etcd whose manifest is not there may still run, where kubeadm lets it listen.
func (f *Facts) EtcdClient(node kubeadm.Node) (etcdclient.Config, error) {
	endpoint := defaultEndpoint
	if f.Etcd.Err == nil {
		endpoint = nearest(f.Etcd.ListenClientURLs, f.Etcd.ClientURLs)
	}
	if endpoint == "" {
		return etcdclient.Config{}, hint.New(fmt.Errorf("%w: %s has none", ErrNoEndpoint, f.Etcd.File.Path), "%s", flagsHint)
	}
	cfg := etcdclient.Config{Endpoints: []string{endpoint}}
	if strings.HasPrefix(endpoint, "https:") {
		cfg.CAFile = node.PKI("etcd/ca.crt")
		cfg.CertFile, cfg.KeyFile = clientCertificate(node)
	}
	return cfg, nil
}

const flagsHint = "look at --listen-client-urls and --advertise-client-urls of etcd"

// nearest prefers a URL of the loopback, which needs no network.
func nearest(listen, advertise []string) string {
	for _, raw := range listen {
		if u, err := url.Parse(raw); err == nil && isLoopback(u.Hostname()) {
			return raw
		}
	}
	for _, raw := range advertise {
		if u, err := url.Parse(raw); err == nil && u.Host != "" {
			return raw
		}
	}
	for _, raw := range listen {
		if u, err := url.Parse(raw); err == nil && u.Host != "" {
			return reachable(u)
		}
	}
	return ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// reachable names the loopback where etcd listens everywhere.
func reachable(u *url.URL) string {
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	}
	return u.String()
}

// clientCertificate is the one that is there for this, or another that etcd accepts
// from a client.
func clientCertificate(node kubeadm.Node) (cert, key string) {
	names := []string{"etcd/healthcheck-client", "apiserver-etcd-client", "etcd/peer", "etcd/server"}
	for _, name := range names {
		cert, key = node.PKI(name+".crt"), node.PKI(name+".key")
		_, err := os.Stat(cert)
		_, keyErr := os.Stat(key)
		if err == nil && keyErr == nil {
			return cert, key
		}
	}
	return node.PKI(names[0] + ".crt"), node.PKI(names[0] + ".key")
}

func (l *looker) live(ctx context.Context) (live Live) {
	cfg, err := l.facts.EtcdClient(l.node)
	if err != nil {
		return Live{Err: err}
	}
	live.Endpoint = cfg.Endpoints[0]
	cfg.DialTimeout, cfg.RequestTimeout = l.cfg.Timeout, l.cfg.Timeout
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	client, err := etcdclient.Dial(ctx, cfg)
	if err != nil {
		live.Err = err
		return live
	}
	defer client.Close()
	live.Status = client.Members(ctx)[0]
	live.Err = live.Status.Err
	return live
}
