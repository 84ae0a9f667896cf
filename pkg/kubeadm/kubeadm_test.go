package kubeadm_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/internal/yamledit"
	"github.com/etcd-restore/etcd-restore/pkg/kubeadm"
)

func TestEtcdVersion(t *testing.T) {
	t.Parallel()
	const digest = "@sha256:8a3ee2f9f0f6d2ba8b31cbf5cf8af4a1a4c5f7b0d2a1f8c1b1e8f3a7f6e5d4c3"
	for image, want := range map[string]string{
		"registry.k8s.io/etcd:3.6.6-0":                        "3.6.6",
		"registry.k8s.io/etcd:v3.6.6":                         "3.6.6",
		"k8s.gcr.io/etcd:3.4.13-0":                            "3.4.13",
		"registry.k8s.io/etcd-amd64:3.4.3":                    "3.4.3",
		"mirror.example:5000/k8s/etcd:3.5.21-0" + digest:      "3.5.21",
		"quay.io/coreos/etcd:v3.5.9-arm64":                    "3.5.9",
		"gcr.io/etcd-development/etcd:v3.7.0-rc.1":            "3.7.0-rc.1",
		"registry.k8s.io/etcd:3.6.0-rc.3-0":                   "3.6.0-rc.3",
		"etcd:3.6.12-10":                                      "3.6.12",
		"registry.k8s.io/etcd" + digest:                       "",
		"mirror.example:5000/etcd":                            "",
		"mirror.example:5000/etcd:latest":                     "",
		"registry.example/etcd:3.6":                           "",
		"registry.example/etcd:3.6.6-custom":                  "",
		"registry.example/etcd:99999999999999999999999.6.6-0": "",
		"": "",
	} {
		got, err := kubeadm.EtcdVersion(image)
		if want == "" {
			if !errors.Is(err, kubeadm.ErrVersion) {
				t.Errorf("%q is %v, %v, want ErrVersion", image, got, err)
			}
			continue
		}
		if err != nil || got.String() != want {
			t.Errorf("%q is %v, %v, want %s", image, got, err, want)
		}
	}
}

const config = `apiServer: {}
apiVersion: kubeadm.k8s.io/v1beta4
caCertificateValidityPeriod: 87600h0m0s
certificatesDir: /etc/kubernetes/pki
clusterName: kubernetes
controllerManager: {}
dns: {}
encryptionAlgorithm: RSA-2048
etcd:
  local:
    dataDir: /var/lib/etcd
    extraArgs:
    - name: quota-backend-bytes
      value: "8589934592"
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: v1.37.2
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/12
proxy: {}
scheduler: {}
`

func TestSetDataDir(t *testing.T) {
	t.Parallel()
	edited, err := kubeadm.SetDataDir([]byte(config), "/var/lib/etcd-new")
	if want := strings.Replace(config, "dataDir: /var/lib/etcd", "dataDir: /var/lib/etcd-new", 1); err != nil || string(edited) != want {
		t.Fatalf("got %v\n%s", err, edited)
	}
	if dir, err := kubeadm.DataDir(edited); err != nil || dir != "/var/lib/etcd-new" {
		t.Errorf("the directory is %q, %v", dir, err)
	}
	back, err := kubeadm.SetDataDir(edited, "/var/lib/etcd")
	if err != nil || string(back) != config {
		t.Errorf("back: %v\n%s", err, back)
	}
}

func TestSetDataDirRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config, dir string
		want        error
	}{
		"external":          {"kind: ClusterConfiguration\netcd: {external: {endpoints: [x]}}\n", "/new", kubeadm.ErrExternal},
		"no directory":      {"kind: ClusterConfiguration\netcd: {local: {}}\n", "/new", kubeadm.ErrConfig},
		"something else":    {"kind: InitConfiguration\n", "/new", kubeadm.ErrConfig},
		"nothing":           {"", "/new", kubeadm.ErrConfig},
		"relative":          {config, "new", kubeadm.ErrConfig},
		"not clean":         {config, "/new/", kubeadm.ErrConfig},
		"control character": {config, "/new\n", yamledit.ErrValue},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, err := kubeadm.SetDataDir([]byte(tc.config), tc.dir); !errors.Is(err, tc.want) || got != nil {
				t.Errorf("got %q, %v, want %v", got, err, tc.want)
			}
		})
	}
}

// In a container that has the node's files elsewhere, the kubelet's absolute link
// leads to the node's file.
func TestLinkBelowRoot(t *testing.T) {
	t.Parallel()
	node := kubeadm.Node{Root: t.TempDir()}
	ca := newAuthority(t, now.AddDate(10, 0, 0))
	cert, key := ca.issue(t, leaf{notAfter: now.AddDate(1, 0, 0)})
	write(t, node.Path("/var/lib/kubelet/pki/kubelet-client-2026.pem"), append(cert, key...))
	write(t, node.PKI("ca.crt"), ca.pem)
	if err := os.Symlink("/var/lib/kubelet/pki/kubelet-client-2026.pem", node.KubeletClient()); err != nil {
		t.Fatal(err)
	}
	files := node.Certificates()[4]
	c, err := node.ReadCertificate(files)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(now); err != nil {
		t.Error(err)
	}
	circle := node.Path("/circle")
	if err := os.Symlink("/circle", circle); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Authority(circle); err == nil {
		t.Error("a circle of links was read")
	}
	if _, err := node.Authority(node.Path("/nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

func TestPaths(t *testing.T) {
	t.Parallel()
	if got := (kubeadm.Node{}).ManifestFolder(); got != "/etc/kubernetes/manifests" {
		t.Errorf("manifests are in %s", got)
	}
	node := kubeadm.Node{Root: t.TempDir()}
	for _, name := range []string{"kubeadm-backup-etcd-2026-01-02", "kubeadm-backup-etcd-2025-01-02", "kubeadm-backup-manifests-2026-01-02"} {
		write(t, node.Path(filepath.Join("/etc/kubernetes/tmp", name, "etcd", "x")), nil)
	}
	backups, err := node.EtcdBackups()
	if err != nil || len(backups) != 2 || filepath.Base(backups[0]) != "kubeadm-backup-etcd-2025-01-02" {
		t.Errorf("backups are %v, %v", backups, err)
	}
}

func TestKubelet(t *testing.T) {
	t.Parallel()
	const config = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nstaticPodPath: /etc/kubernetes/manifests\n"
	const flags = "KUBELET_KUBEADM_ARGS=\"--pod-infra-container-image=x --container-runtime-endpoint=unix:///run/old.sock\"\n"
	const healthz = "127.0.0.1:10248"
	for name, tc := range map[string]struct {
		config, flags string
		want          kubeadm.Kubelet
	}{
		"endpoint in the configuration": {config + "containerRuntimeEndpoint: unix:///run/x.sock\n", "", kubeadm.Kubelet{StaticPodPath: "/etc/kubernetes/manifests", RuntimeEndpoint: "unix:///run/x.sock", Healthz: healthz}},
		"endpoint in the flags":         {config, flags, kubeadm.Kubelet{StaticPodPath: "/etc/kubernetes/manifests", RuntimeEndpoint: "unix:///run/old.sock", Healthz: healthz}},
		"no endpoint":                   {config, "KUBELET_KUBEADM_ARGS=\"\"\n", kubeadm.Kubelet{StaticPodPath: "/etc/kubernetes/manifests", Healthz: healthz}},
		"no static pods":                {"kind: KubeletConfiguration\n", "", kubeadm.Kubelet{Healthz: healthz}},
		"health elsewhere":              {"healthzBindAddress: ::1\nhealthzPort: 10300\n", "", kubeadm.Kubelet{Healthz: "[::1]:10300"}},
		"health everywhere":             {"healthzBindAddress: 0.0.0.0\nhealthzPort: 10300\n", "", kubeadm.Kubelet{Healthz: "127.0.0.1:10300"}},
		"no health":                     {"healthzPort: 0\n", "", kubeadm.Kubelet{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := kubeadm.Node{Root: t.TempDir()}
			write(t, node.Path("/var/lib/kubelet/config.yaml"), []byte(tc.config))
			if tc.flags != "" {
				write(t, node.Path("/var/lib/kubelet/kubeadm-flags.env"), []byte(tc.flags))
			}
			if got, err := node.Kubelet(); err != nil || got != tc.want {
				t.Errorf("got %+v, %v, want %+v", got, err, tc.want)
			}
		})
	}
	node := kubeadm.Node{Root: t.TempDir()}
	if _, err := node.Kubelet(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
	write(t, node.Path("/var/lib/kubelet/config.yaml"), []byte("{"))
	if _, err := node.Kubelet(); !errors.Is(err, kubeadm.ErrConfig) {
		t.Errorf("got %v, want ErrConfig", err)
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
