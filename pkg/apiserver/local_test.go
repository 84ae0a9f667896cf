package apiserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
)

// manifest is a pod of an API server with these flags.
func manifest(t *testing.T, name string, flags ...string) *staticpod.Manifest {
	t.Helper()
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver, namespace: kube-system}\nspec:\n  containers:\n" +
		"  - name: sidecar\n    image: i\n    command: [sidecar]\n" +
		"  - name: " + name + "\n    image: i\n    env: [{name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]\n" +
		"    command: ['kube-apiserver'" + strings.Join(append([]string{""}, flags...), ", ") + "]\n"
	m, err := staticpod.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLocalServer(t *testing.T) {
	t.Parallel()
	for want, flags := range map[string][]string{
		"https://10.0.0.11:6443":  {"--advertise-address=10.0.0.11", "--secure-port=6443"},
		"https://10.0.0.12:6443":  {"--advertise-address=10.0.0.12"},
		"https://10.0.0.13:8443":  {"--advertise-address=10.0.0.13", "--secure-port=8443", "'--bind-address=0.0.0.0'"},
		"https://10.0.0.14:6443":  {"--bind-address=10.0.0.14", "--advertise-address=192.0.2.1"},
		"https://10.0.0.15:6443":  {"--bind-address=10.0.0.15"},
		"https://[fd00::11]:6443": {"'--advertise-address=fd00::11'", "'--bind-address=::'"},
	} {
		got, err := apiserver.LocalServer(manifest(t, "kube-apiserver", flags...))
		if err != nil || got != want {
			t.Errorf("%v: got %q, %v, want %q", flags, got, err, want)
		}
	}
	for name, flags := range map[string][]string{
		"none":    nil,
		"any":     {"--advertise-address=0.0.0.0"},
		"name":    {"--advertise-address=cp1.example"},
		"port":    {"--advertise-address=10.0.0.11", "--secure-port=0"},
		"port 2":  {"--advertise-address=10.0.0.11", "--secure-port=65536"},
		"derived": {"--advertise-address=$(HOST)"},
	} {
		if got, err := apiserver.LocalServer(manifest(t, "kube-apiserver", flags...)); !errors.Is(err, apiserver.ErrAddress) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	if got, err := apiserver.LocalServer(manifest(t, "other")); !errors.Is(err, apiserver.ErrAddress) {
		t.Errorf("no container of that name: got %q, %v", got, err)
	}
}
