package snapshotx

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/etcdclient"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

func TestKubeadmCertificates(t *testing.T) {
	t.Parallel()
	pki := t.TempDir()
	for _, name := range []string{"ca.crt", "healthcheck-client.crt", "healthcheck-client.key"} {
		if err := os.WriteFile(filepath.Join(pki, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		connection Connection
		used       bool
	}{
		"nothing asked for":  {Connection{Endpoints: []string{defaultEndpoint}, kubeadmPKI: pki}, true},
		"an endpoint given":  {Connection{Endpoints: []string{"10.0.0.1:2379"}, kubeadmPKI: pki}, false},
		"a CA given":         {Connection{Endpoints: []string{defaultEndpoint}, CACert: "ca.crt", kubeadmPKI: pki}, false},
		"not a kubeadm node": {Connection{Endpoints: []string{defaultEndpoint}, kubeadmPKI: t.TempDir()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			cfg, err := tc.connection.Config(t.Context(), Streams{ErrOut: &stderr})
			if err != nil {
				t.Fatal(err)
			}
			if used := strings.HasPrefix(cfg.CAFile, pki) && strings.HasPrefix(cfg.KeyFile, pki) &&
				cfg.Endpoints[0] == "https://127.0.0.1:2379"; used != tc.used {
				t.Errorf("used: %t, want %t: %+v", used, tc.used, cfg)
			}
			if said := stderr.Len() > 0; said != tc.used {
				t.Errorf("said so: %t, want %t: %s", said, tc.used, stderr.String())
			}
		})
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	type login struct{ User, Password string }
	for name, tc := range map[string]struct{ given, want login }{
		"none":                {login{"", ""}, login{"", ""}},
		"in one flag":         {login{"root:secret", ""}, login{"root", "secret"}},
		"a colon in it":       {login{"root:se:cret", ""}, login{"root", "se:cret"}},
		"in two flags":        {login{"root", "secret"}, login{"root", "secret"}},
		"a colon in the name": {login{"a:b", "secret"}, login{"a:b", "secret"}},
		"an empty password":   {login{"root:", ""}, login{"root", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Connection{Endpoints: []string{"a"}, User: tc.given.User, Password: tc.given.Password}
			cfg, err := c.Config(t.Context(), Streams{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, login{cfg.Username, cfg.Password}); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// The table must know every error of a package that has more to say than
// "failed".
func TestExitTable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want int
	}{
		{etcdclient.ErrBroken, 5},
		{etcdclient.ErrDigest, 5},
		{newfile.ErrExists, 6},
		{newfile.ErrNoSpace, 6},
		{etcdclient.ErrLearner, 6},
		{etcdclient.ErrDifferentClusters, 6},
		{newfile.ErrTarget, 2},
		{etcdclient.ErrUnreachable, 1},
		{etcdclient.ErrDenied, 1},
		{etcdclient.ErrCertificate, 1},
		{etcdclient.ErrStalled, 1},
	} {
		if got := exitcode.Of(tc.err, exitTable()); int(got) != tc.want {
			t.Errorf("%v: exit code %d, want %d", tc.err, got, tc.want)
		}
	}
}
