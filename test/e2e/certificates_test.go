//go:build e2e

package e2e

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

const pki = "/etc/kubernetes/pki"

// All that kubeadm has made but the authorities is a year old, and somebody pastes the
// runbook. The nodes of the lab have no systemd: their init starts a kubelet that ends.
func TestCertificates(t *testing.T) {
	s := setUp(t, lab.Options{})
	s.save(t)
	age(t, s.node)
	s.node.Shell(t, `pkill -f '^(etcd|kube-apiserver|kube-controller-manager|kube-scheduler) '; pkill -x kubelet`)
	s.down(t)
	r := s.node.Run(t, plugin, "node", "status")
	requireCode(t, done, r)
	for _, word := range []string{"certificates have expired", "kubeadm certs renew all", "nothing has to be restored"} {
		if !strings.Contains(strings.Join(strings.Fields(r.Stdout), " "), word) {
			t.Errorf("node status does not say %q:\n%s", word, r.Stdout)
		}
	}
	s.node.Write(t, "/opt/bin/systemctl", []byte("#!/bin/sh\n[ \"$*\" = 'restart kubelet' ] && { pkill -x kubelet || true; }\n"), 0o755)
	s.paste(t, "certificates.md", "NODE="+s.node.Name)
	s.requireOld(t)
}

// age lets all certificates of a node end an hour ago: the same in all else.
func age(t *testing.T, n *lab.Node) {
	t.Helper()
	for file, ca := range map[string]string{
		"apiserver": "ca", "apiserver-kubelet-client": "ca", "front-proxy-client": "front-proxy-ca",
		"etcd/server": "etcd/ca", "etcd/peer": "etcd/ca", "etcd/healthcheck-client": "etcd/ca", "apiserver-etcd-client": "etcd/ca",
	} {
		file = filepath.Join(pki, file+".crt")
		n.Write(t, file, aged(t, n, ca, n.Read(t, file)), 0o644)
	}
	for _, name := range []string{"admin", "super-admin", "controller-manager", "scheduler"} {
		file := "/etc/kubernetes/" + name + ".conf"
		n.Write(t, file, agedConfig(t, n, n.Read(t, file)), 0o600)
	}
	kubelet := strings.TrimSpace(n.Must(t, "readlink", "-f", "/var/lib/kubelet/pki/kubelet-client-current.pem")) // with the key
	n.Write(t, kubelet, aged(t, n, "ca", n.Read(t, kubelet)), 0o600)
}

// aged is a certificate, with what stands beside it in PEM, that has expired.
func aged(t *testing.T, n *lab.Node, ca string, text []byte) []byte {
	t.Helper()
	authority, key := authorityOf(t, n, ca)
	var out bytes.Buffer
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			c, err := x509.ParseCertificate(block.Bytes)
			must(t, err)
			c.NotBefore, c.NotAfter = c.NotBefore.AddDate(-1, 0, 0), time.Now().Add(-time.Hour)
			block.Bytes, err = x509.CreateCertificate(rand.Reader, c, authority, c.PublicKey, key)
			must(t, err)
		}
		must(t, pem.Encode(&out, block))
	}
	return out.Bytes()
}

func authorityOf(t *testing.T, n *lab.Node, ca string) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	file := filepath.Join(pki, ca)
	block, _ := pem.Decode(n.Read(t, file+".crt"))
	c, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	block, _ = pem.Decode(n.Read(t, file+".key"))
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return c, key
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	must(t, err)
	return c, key
}

// agedConfig is a kubeconfig whose client certificate has expired.
func agedConfig(t *testing.T, n *lab.Node, text []byte) []byte {
	t.Helper()
	var config map[string]any
	must(t, yaml.Unmarshal(text, &config))
	const field = "client-certificate-data"
	user := config["users"].([]any)[0].(map[string]any)["user"].(map[string]any)
	old, err := base64.StdEncoding.DecodeString(user[field].(string))
	must(t, err)
	user[field] = base64.StdEncoding.EncodeToString(aged(t, n, "ca", old))
	text, err = yaml.Marshal(config)
	must(t, err)
	return text
}
