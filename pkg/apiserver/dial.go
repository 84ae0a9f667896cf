package apiserver

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Options of Dial.
type Options struct {
	// Server replaces the URL of the kubeconfig, which often is that of a load
	// balancer. It is asked directly, without a proxy, and its certificate has to
	// name its address all the same.
	Server string

	DialTimeout    time.Duration // to connect; zero: 2 s
	RequestTimeout time.Duration // for one request, its connection included; zero: 10 s
	WatchTimeout   time.Duration // how long a watch may stay open without an answer; zero: 5 s
}

// Client asks one API server.
type Client struct {
	opts   Options
	server string
	http   *http.Client
	kube   kubernetes.Interface
	roots  *x509.CertPool // who signs API servers of this cluster; nil: the system's
	unsafe bool           // the kubeconfig says not to look
}

// Dial reads the kubeconfig and what it refers to. It asks nobody: a server that
// is dead is an error of the call that needs it.
func Dial(kubeconfig string, o Options) (*Client, error) {
	o.DialTimeout = cmp.Or(o.DialTimeout, 2*time.Second)
	o.RequestTimeout = cmp.Or(o.RequestTimeout, 10*time.Second)
	o.WatchTimeout = cmp.Or(o.WatchTimeout, 5*time.Second)
	cfg, err := load(kubeconfig, o.Server)
	if err != nil {
		return nil, err
	}
	if err := checkCredentials(kubeconfig, cfg, time.Now()); err != nil {
		return nil, err
	}
	c := &Client{opts: o, server: cfg.Host, unsafe: cfg.Insecure}
	if len(cfg.CAData) > 0 {
		c.roots = x509.NewCertPool()
		if !c.roots.AppendCertsFromPEM(cfg.CAData) {
			return nil, unusable(kubeconfig, "its certificate authority is no certificate")
		}
	}
	if o.Server != "" {
		cfg.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	cfg.Dial = (&net.Dialer{Timeout: o.DialTimeout}).DialContext
	cfg.UserAgent = "etcd-restore"
	cfg.QPS = -1                           // a handful of requests; none should wait for its turn
	cfg.WarningHandler = rest.NoWarnings{} // it would print them
	if c.http, err = rest.HTTPClientFor(cfg); err != nil {
		return nil, unusable(kubeconfig, err.Error())
	}
	if c.kube, err = kubernetes.NewForConfigAndClient(cfg, c.http); err != nil {
		return nil, unusable(kubeconfig, err.Error())
	}
	return c, nil
}

// Server is the URL that is asked.
func (c *Client) Server() string { return c.server }

// Close ends connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// checkCredentials tells what a server would only call "Unauthorized".
func checkCredentials(kubeconfig string, cfg *rest.Config, now time.Time) error {
	const day = "2006-01-02 15:04 MST"
	if len(cfg.CertData) == 0 && len(cfg.KeyData) == 0 {
		if cfg.BearerToken == "" && cfg.BearerTokenFile == "" && cfg.Username == "" && cfg.ExecProvider == nil && cfg.AuthProvider == nil {
			return unusable(kubeconfig, "it holds none")
		}
		return nil
	}
	pair, err := tls.X509KeyPair(cfg.CertData, cfg.KeyData)
	if err != nil {
		return unusable(kubeconfig, err.Error())
	}
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return unusable(kubeconfig, "its certificate expired on "+leaf.NotAfter.UTC().Format(day))
	case now.Before(leaf.NotBefore):
		return hint.New(fmt.Errorf("%w: %s: its certificate is valid from %s on", ErrCredentials, kubeconfig, leaf.NotBefore.UTC().Format(day)),
			"set the clock of the node")
	}
	return nil
}

// renewal is the way out of most trouble with a kubeconfig.
const renewal = "look with kubeadm certs check-expiration, renew with kubeadm certs renew admin.conf"

func unusable(kubeconfig, why string) error {
	return hint.New(fmt.Errorf("%w: %s: %s", ErrCredentials, kubeconfig, why), "%s", renewal)
}
