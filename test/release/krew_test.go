//go:build release

package release

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// requireManifest wants krew/etcd-restore.yaml to be what a release makes, but for the
// version and the digests, and krew's own check to have nothing against either.
func requireManifest(t *testing.T, dist string) {
	made, kept := filepath.Join(dist, "krew", "etcd-restore.yaml"), filepath.Join(top(t), "krew", "etcd-restore.yaml")
	template := strings.ReplaceAll(string(read(t, made)), version, "0.0.0")
	template = regexp.MustCompile(`sha256: "?[0-9a-f]{64}"?`).ReplaceAllString(template, `sha256: "`+strings.Repeat("0", 64)+`"`)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(kept, []byte(template), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(template, string(read(t, kept))); diff != "" {
		t.Errorf("krew/etcd-restore.yaml is stale, UPDATE_GOLDEN=1 writes it anew:\n%s", diff)
	}
	for _, manifest := range []string{made, kept} {
		run(t, ".", nil, "validate-krew-manifest", "-manifest", manifest, "-skip-install")
	}
}

// installWithKrew installs the plugin for each platform, with no network, and has kubectl
// run and complete the one for this machine.
func installWithKrew(t *testing.T, dist string) {
	for _, system := range []string{"linux", "darwin"} {
		for _, arch := range []string{"amd64", "arm64"} {
			root := krew(t, dist, system, arch)
			if system == "linux" && arch == runtime.GOARCH {
				requirePlugin(t, root)
			}
		}
	}
}

// krew installs into a folder of its own and returns it.
func krew(t *testing.T, dist, system, arch string) string {
	t.Helper()
	root := t.TempDir()
	env := append(offline(), "KREW_ROOT="+root, "KREW_OS="+system, "KREW_ARCH="+arch)
	run(t, root, env, "krew", "install", "--manifest="+filepath.Join(dist, "krew", "etcd-restore.yaml"),
		"--archive="+filepath.Join(dist, archive("kubectl-etcd_restore", system, arch)))
	if _, err := os.Stat(filepath.Join(root, "bin", "kubectl-etcd_restore")); err != nil {
		t.Error(err)
	}
	return root
}

func requirePlugin(t *testing.T, root string) {
	t.Helper()
	bin := filepath.Join(root, "bin")
	env := append(offline(), "PATH="+bin+":"+os.Getenv("PATH"), "KUBECONFIG="+filepath.Join(root, "none"))
	requireVersion(t, run(t, root, env, "kubectl", "etcd-restore", "version"))

	// As the caveats of the manifest say.
	program := run(t, root, env, "kubectl", "etcd-restore", "completion", "kubectl")
	if err := os.WriteFile(filepath.Join(bin, "kubectl_complete-etcd_restore"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if said := run(t, root, env, "kubectl", "__complete", "etcd-restore", "roll"); !strings.Contains(said, "rollback") {
		t.Errorf("kubectl completes with %q", said)
	}
}

// offline sends whoever wants a network to where nobody listens.
func offline() []string {
	return []string{"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY="}
}
