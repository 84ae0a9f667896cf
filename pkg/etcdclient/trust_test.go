package etcdclient_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// check demands the sentinel, a part of the text, and a hint.
func check(t *testing.T, err, want error, text string) {
	t.Helper()
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %v about %q", err, want, text)
	}
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || hinted.Hint() == "" {
		t.Errorf("%v: without a hint", err)
	}
}

func TestUnusableCertificateFiles(t *testing.T) {
	t.Parallel()
	certs, others := etcdtest.NewTLS(t), etcdtest.NewTLS(t)
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.pem")
	if err := os.WriteFile(garbage, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	expired := filepath.Join(dir, "expired")
	selfSigned(t, expired, time.Now().Add(-time.Hour))
	missing := filepath.Join(dir, "missing.crt")

	for name, tc := range map[string]struct {
		cfg  etcdclient.Config
		text string
	}{
		"missing CA":              {etcdclient.Config{CAFile: missing}, missing},
		"CA is a directory":       {etcdclient.Config{CAFile: dir}, dir},
		"CA is garbage":           {etcdclient.Config{CAFile: garbage}, "holds no CA certificate"},
		"missing certificate":     {etcdclient.Config{CertFile: missing, KeyFile: certs.Key("client")}, missing},
		"missing key":             {etcdclient.Config{CertFile: certs.Cert("client"), KeyFile: missing}, missing},
		"certificate without key": {etcdclient.Config{CertFile: certs.Cert("client")}, "only one"},
		"key without certificate": {etcdclient.Config{KeyFile: certs.Key("client")}, "only one"},
		"garbage certificate":     {etcdclient.Config{CertFile: garbage, KeyFile: certs.Key("client")}, garbage},
		"somebody else's key":     {etcdclient.Config{CertFile: certs.Cert("client"), KeyFile: others.Key("client")}, "private key"},
		"expired":                 {etcdclient.Config{CertFile: expired + ".crt", KeyFile: expired + ".key"}, "expired on"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.cfg.Endpoints = []string{"https://127.0.0.1:1"}
			_, err := etcdclient.Dial(t.Context(), tc.cfg)
			check(t, err, etcdclient.ErrCertificate, tc.text)
		})
	}
}

func TestWhoIsNotTrusted(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		certs, others := etcdtest.NewTLS(t), etcdtest.NewTLS(t)
		secure := etcdtest.New(t, etcdtest.Config{Version: v, TLS: certs})
		plain := etcdtest.New(t, etcdtest.Config{Version: v})
		secure.Start(t)
		plain.Start(t)
		https, http := secure.Endpoints()[0], plain.Endpoints()[0]
		good := etcdclient.Config{CAFile: certs.CA(), CertFile: certs.Cert("client"), KeyFile: certs.Key("client")}

		for name, tc := range map[string]struct {
			endpoint string
			change   func(*etcdclient.Config)
			want     error
			text     string
		}{
			"the right ones":             {endpoint: https},
			"without https://":           {endpoint: strings.TrimPrefix(https, "https://")},
			"another CA":                 {https, func(c *etcdclient.Config) { c.CAFile = others.CA() }, etcdclient.ErrCertificate, "unknown authority"},
			"the system's CAs":           {https, func(c *etcdclient.Config) { c.CAFile = "" }, etcdclient.ErrCertificate, "unknown authority"},
			"no verification":            {endpoint: https, change: func(c *etcdclient.Config) { c.CAFile, c.InsecureSkipVerify = others.CA(), true }},
			"no client certificate":      {https, func(c *etcdclient.Config) { c.CertFile, c.KeyFile = "", "" }, etcdclient.ErrCertificate, "tls:"},
			"client of another CA":       {https, func(c *etcdclient.Config) { c.CertFile, c.KeyFile = others.Cert("client"), others.Key("client") }, etcdclient.ErrCertificate, "tls:"},
			"TLS to a plain member":      {strings.Replace(http, "http:", "https:", 1), nil, etcdclient.ErrUnreachable, "TLS"},
			"plain to a member with TLS": {strings.Replace(https, "https:", "http:", 1), nil, etcdclient.ErrUnreachable, "with TLS only"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cfg := good
				if tc.change != nil {
					tc.change(&cfg)
				}
				cfg.Endpoints = []string{tc.endpoint}
				err := dial(t, cfg).Members(t.Context())[0].Err
				if tc.want == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				check(t, err, tc.want, tc.text)
			})
		}
	})
}

func TestUnfitServerCertificate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		host  string
		until time.Duration
		text  string
	}{
		"expired":         {"127.0.0.1", -time.Hour, "expired"},
		"another address": {"127.0.0.2", time.Hour, "valid for 127.0.0.1, not 127.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pair := filepath.Join(t.TempDir(), "server")
			selfSigned(t, pair, time.Now().Add(tc.until))
			m := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37}).Members[0]
			m.ClientURL = strings.Replace(m.ClientURL, "http://127.0.0.1", "https://"+tc.host, 1)
			m.Args = []string{"--cert-file", pair + ".crt", "--key-file", pair + ".key"}
			m.Start(t)
			client := dial(t, etcdclient.Config{Endpoints: []string{m.ClientURL}, CAFile: pair + ".crt"})

			// The member needs a moment to listen: no certificate is shown before.
			var err error
			for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
				if err = client.Members(t.Context())[0].Err; !errors.Is(err, syscall.ECONNREFUSED) {
					break
				}
			}
			check(t, err, etcdclient.ErrCertificate, tc.text)
		})
	}
}

// selfSigned writes name.crt and name.key for loopback, valid until end.
func selfSigned(t *testing.T, name string, end time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "expired"},
		NotBefore: end.Add(-24 * time.Hour), NotAfter: end,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".crt": {Type: "CERTIFICATE", Bytes: cert},
		name + ".key": {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLogin(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		cluster := etcdtest.New(t, etcdtest.Config{Version: v})
		cluster.Start(t)
		admin := cluster.Client(t)
		put(t, admin, 3, 10)
		for _, do := range []func() error{
			func() error { _, err := admin.RoleAdd(t.Context(), "root"); return err },
			func() error { _, err := admin.UserAdd(t.Context(), "root", "secret"); return err },
			func() error { _, err := admin.UserGrantRole(t.Context(), "root", "root"); return err },
			func() error { _, err := admin.UserAdd(t.Context(), "alice", "guest"); return err },
			func() error { _, err := admin.AuthEnable(t.Context()); return err },
		} {
			if err := do(); err != nil {
				t.Fatal(err)
			}
		}
		endpoint := cluster.Endpoints()[0]
		for name, tc := range map[string]struct {
			user, password string
			want           error
			text           string
		}{
			"root":           {user: "root", password: "secret"},
			"wrong password": {"root", "guess", etcdclient.ErrDenied, "authentication failed"},
			"unknown user":   {"mallory", "guess", etcdclient.ErrDenied, "authentication failed"},
			"not root":       {"alice", "guest", etcdclient.ErrDenied, "permission denied"},
			"nobody":         {"", "", etcdclient.ErrDenied, "user name"},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				client := dial(t, etcdclient.Config{Endpoints: []string{endpoint}, Username: tc.user, Password: tc.password})
				_, err := client.Snapshot(t.Context(), endpoint, new(buffer), etcdclient.StreamOptions{})
				if tc.want == nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				check(t, err, tc.want, tc.text)
			})
		}
	})
}

// A password that nobody asked for is no reason to fail.
func TestLoginWhereAuthIsOff(t *testing.T) {
	eachVersion(t, func(t *testing.T, v etcdtest.Version) {
		cluster := etcdtest.New(t, etcdtest.Config{Version: v})
		cluster.Start(t)
		client := dial(t, etcdclient.Config{Endpoints: cluster.Endpoints(), Username: "root", Password: "secret"})
		if err := client.Members(t.Context())[0].Err; err != nil {
			t.Error(err)
		}
	})
}

func TestDeadEndpoints(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, tc := range map[string]struct{ endpoint, text string }{
		"nobody listens": {"http://127.0.0.1:1", "connection refused"},
		"no such host":   {"http://no-such-host.invalid:2379", ""},
		"silence":        {"http://" + silent.Addr().String(), ""},
		"not a URL":      {"http://[::1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := dial(t, etcdclient.Config{
				Endpoints:   []string{tc.endpoint},
				DialTimeout: 200 * time.Millisecond, RequestTimeout: 300 * time.Millisecond,
			})
			start := time.Now()
			check(t, client.Members(t.Context())[0].Err, etcdclient.ErrUnreachable, tc.text)
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// The peer URL is the other address in a runbook. Before 3.6 it serves clients
// as well.
func TestPeerURL(t *testing.T) {
	t.Parallel()
	for _, v := range []etcdtest.Version{etcdtest.V36, etcdtest.V37} {
		cluster := etcdtest.New(t, etcdtest.Config{Version: v})
		cluster.Start(t)
		client := dial(t, etcdclient.Config{Endpoints: []string{cluster.Members[0].PeerURL}})
		check(t, client.Members(t.Context())[0].Err, etcdclient.ErrUnreachable, "not an etcd that serves clients")
	}
}

func TestInterruptedStatus(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	client := dial(t, etcdclient.Config{Endpoints: []string{"http://127.0.0.1:1"}})
	if err := client.Members(ctx)[0].Err; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := etcdclient.Dial(t.Context(), etcdclient.Config{}); err == nil {
		t.Error("no endpoints, no error")
	}
}
