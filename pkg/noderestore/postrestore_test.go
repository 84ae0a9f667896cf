package noderestore

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
)

// kubeadm's configuration is of the day of the snapshot: it names the directory that
// etcd had then, whichever restores came since, and must not lead an upgrade there.
func TestNamed(t *testing.T) {
	t.Parallel()
	dir := plainDir(t)
	if err := os.MkdirAll(dir+"/disk/etcd", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir+"/disk/etcd", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		old, config string
		want        bool
	}{
		"the first restore":                {"/var/lib/etcd", "/var/lib/etcd", true},
		"the second, an older snapshot":    {"/var/lib/etcd-restored-a", "/var/lib/etcd", true},
		"the third, of one between":        {"/var/lib/etcd-restored-b", "/var/lib/etcd-restored-a", true},
		"in a mount point":                 {"/var/lib/etcd/restored-a", "/var/lib/etcd", true},
		"behind a link":                    {dir + "/disk/etcd-restored-a", dir + "/link", true},
		"a directory of somebody's choice": {"/srv/etcd", "/var/lib/etcd", false},
	} {
		m := &machine{part: &Part{OldData: tc.old}}
		if got := m.named(tc.config); got != tc.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// Without credentials for the API server a run could not end behind the commit point.
func TestCredentials(t *testing.T) {
	t.Parallel()
	dir := plainDir(t)
	m := &machine{Options: Options{Kubeconfigs: []string{dir + "/admin.conf", dir + "/super-admin.conf"}}, server: "https://10.99.0.11:6443"}
	if err := m.credentials(); !errors.Is(err, apiserver.ErrCredentials) || !strings.Contains(err.Error(), "/admin.conf") {
		t.Errorf("got %v", err)
	}
	config := `{apiVersion: v1, kind: Config, current-context: x, contexts: [{name: x, context: {cluster: x, user: x}}],
clusters: [{name: x, cluster: {server: "https://10.99.0.1:6443"}}], users: [{name: x, user: {token: secret}}]}`
	if err := os.WriteFile(dir+"/super-admin.conf", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.credentials(); err != nil {
		t.Error(err)
	}
}
