package apiserver_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

func TestUnusableKubeconfigs(t *testing.T) {
	t.Parallel()
	const url = "https://10.0.0.11:6443"
	a := newAuthority(t)
	cluster := clientcmdapi.Cluster{Server: url, CertificateAuthorityData: a.pem()}
	user := func(cert, key []byte) *clientcmdapi.AuthInfo {
		return &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key}
	}
	now := time.Now()
	cert, key := a.issue(t, now.Add(-time.Hour), 2*time.Hour)
	_, other := a.issue(t, now.Add(-time.Hour), 2*time.Hour)

	for name, tc := range map[string]struct{ file, text string }{
		"missing":             {"/nowhere/admin.conf", "/nowhere/admin.conf"},
		"directory":           {t.TempDir(), "no kubeconfig"},
		"empty":               {write(t, ""), "no"},
		"garbage":             {write(t, "token: [s3cret"), "no kubeconfig"},
		"other document":      {write(t, "s3cret"), "no kubeconfig"},
		"no credentials":      {writeKubeconfig(t, cluster, &clientcmdapi.AuthInfo{}), "holds none"},
		"expired":             {writeKubeconfig(t, cluster, user(a.issue(t, now.Add(-2*time.Hour), time.Hour))), "expired on"},
		"not yet valid":       {writeKubeconfig(t, cluster, user(a.issue(t, now.Add(time.Hour), time.Hour))), "valid from"},
		"key of another":      {writeKubeconfig(t, cluster, user(cert, other)), "private key"},
		"certificate alone":   {writeKubeconfig(t, cluster, user(cert, nil)), "key"},
		"garbage certificate": {writeKubeconfig(t, cluster, user([]byte("x"), key)), "certificate"},
		"missing file":        {writeKubeconfig(t, cluster, &clientcmdapi.AuthInfo{ClientCertificate: "/nowhere/c", ClientKey: "/nowhere/k"}), "/nowhere/c"},
		"garbage authority":   {writeKubeconfig(t, clientcmdapi.Cluster{Server: url, CertificateAuthorityData: []byte("x")}, user(cert, key)), "authority"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := apiserver.Dial(tc.file, apiserver.Options{})
			check(t, err, apiserver.ErrCredentials, tc.text)
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("what is in the file is shown: %v", err)
			}
		})
	}
}

func TestWhichServer(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	balancer := a.kubeconfig(t, "https://10.0.0.1:6443")
	if got, err := apiserver.ServerOf(balancer); err != nil || got != "https://10.0.0.1:6443" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := apiserver.ServerOf(write(t, "?")); !errors.Is(err, apiserver.ErrCredentials) {
		t.Errorf("got %v", err)
	}

	s := a.start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	o := quick()
	o.Server = s.URL
	c := dialTo(t, balancer, o)
	if c.Server() != s.URL {
		t.Errorf("it asks %s, want %s", c.Server(), s.URL)
	}
	if err := c.Ready(t.Context()); err != nil {
		t.Error(err)
	}

	for _, wrong := range []string{"10.0.0.11:6443", "http://10.0.0.11:6443", "https://", "https://u:p@10.0.0.11", "https://[", "unix:///run/x"} {
		if _, err := apiserver.Dial(balancer, apiserver.Options{Server: wrong}); !errors.Is(err, apiserver.ErrAddress) {
			t.Errorf("%s: got %v", wrong, err)
		}
	}
	if _, err := apiserver.ServerOf(a.kubeconfig(t, "http://10.0.0.1:8080")); !errors.Is(err, apiserver.ErrAddress) {
		t.Errorf("without TLS: got %v", err)
	}
}

// A proxy that a node has for the world is no way to the node itself, nor is one
// that the kubeconfig has for the load balancer.
func TestOwnServerIsAskedWithoutProxy(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	s := a.start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
	user := &clientcmdapi.AuthInfo{}
	user.ClientCertificateData, user.ClientKeyData = a.issue(t, time.Now().Add(-time.Hour), 2*time.Hour)
	file := writeKubeconfig(t, clientcmdapi.Cluster{
		Server: "https://10.0.0.1:6443", CertificateAuthorityData: a.pem(), ProxyURL: deadURL(t), TLSServerName: "balancer",
	}, user)
	o := quick()
	o.Server = s.URL
	if err := dialTo(t, file, o).Ready(t.Context()); err != nil {
		t.Error(err)
	}
}
