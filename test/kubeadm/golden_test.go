package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/pkg/apiserver"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
	"github.com/etcd-restore/etcd-restore/pkg/node"
	"github.com/etcd-restore/etcd-restore/pkg/staticpod"
	"github.com/etcd-restore/etcd-restore/pkg/topology"
)

// each runs a test for what every kubeadm made of every configuration.
func each(t *testing.T, test func(t *testing.T, dir string, want facts)) {
	t.Helper()
	for _, m := range minors() {
		for shape, want := range wanted(m.name) {
			t.Run(m.name+"/"+shape, func(t *testing.T) {
				t.Parallel()
				test(t, filepath.Join("testdata", m.name, shape), want)
			})
		}
	}
}

// What this project finds in a folder of manifests: the facts of etcd, where the API
// server looks for it and where it is reached itself, and every part of the control
// plane.
func TestFacts(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, dir string, want facts) {
		f := read(t, dir)
		for _, finding := range f.Findings() {
			t.Errorf("%s does not belong there: %s", finding.File, finding.Detail)
		}
		for _, name := range topology.Components() {
			if file, err := f.Component(name); err != nil || file.Name != name+".yaml" {
				t.Errorf("%s is %s, %v", name, file.Name, err)
			}
		}
		server := component(t, f, "kube-apiserver")
		local, err := apiserver.LocalServer(server.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		etcd := node.EtcdOf(component(t, f, "etcd"))
		got := factsOf(t, etcd)
		got.LocalServer = local
		got.EtcdServers = topology.Of(&node.Facts{Manifests: node.Manifests{Folder: f}, Etcd: etcd}, nil).APIServer.EtcdServers
		if _, got.Encryption, err = server.Manifest.FlagFile("kube-apiserver", "encryption-provider-config"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// A member that joins has other members in its manifest, and all else as the first one
// has it.
func TestFactsOfJoined(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, dir string, want facts) {
		want.LocalServer, want.EtcdServers, want.Encryption = "", nil, "" // of another manifest
		want.InitialCluster, want.State = "cp3=https://cp3.example.org:2380,"+want.InitialCluster+",cp2=https://cp2.example.org:2380", "existing"
		got := factsOf(t, node.EtcdOf(component(t, read(t, filepath.Join(dir, "joined")), "etcd")))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// The certificates that are looked at on a node are those that the programs are given.
func TestCertificates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, dir string, _ facts) {
		f := read(t, dir)
		files := func(program, cert, key, ca string) (found [3]string) {
			for i, name := range []string{cert, key, ca} {
				var err error
				if _, found[i], err = component(t, f, program).Manifest.FlagFile(program, name); err != nil || found[i] == "" {
					t.Errorf("--%s of %s is %q, %v", name, program, found[i], err)
				}
			}
			return found
		}
		got := map[string][3]string{
			"etcd-server":           files("etcd", "cert-file", "key-file", "trusted-ca-file"),
			"etcd-peer":             files("etcd", "peer-cert-file", "peer-key-file", "peer-trusted-ca-file"),
			"apiserver-etcd-client": files("kube-apiserver", "etcd-certfile", "etcd-keyfile", "etcd-cafile"),
		}
		want := map[string][3]string{}
		for _, c := range (kubeadm.Node{}).Certificates() {
			if _, given := got[c.Name]; given {
				want[c.Name] = [3]string{c.Cert, c.Key, c.CA}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

// The files are those of the versions that the modules pin.
func TestPinned(t *testing.T) {
	t.Parallel()
	for _, m := range minors() {
		gomod, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(m.module), "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		_, pinned, _ := strings.Cut(string(gomod), "k8s.io/kubernetes v")
		pinned = "v" + strings.Fields(pinned)[0]
		for shape := range wanted(m.name) {
			text := config(t, filepath.Join("testdata", m.name, shape))
			if !bytes.Contains(text, []byte("\nkubernetesVersion: "+pinned+"\n")) {
				t.Errorf("%s %s is not of %s: go run ./test/kubeadm %s", m.name, shape, pinned, m.name)
			}
		}
	}
}

func read(t *testing.T, dir string) *staticpod.Folder {
	t.Helper()
	f, err := staticpod.Read(filepath.Join(dir, folder))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func component(t *testing.T, f *staticpod.Folder, name string) staticpod.File {
	t.Helper()
	file, err := f.Component(name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func config(t *testing.T, dir string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, configFile))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
