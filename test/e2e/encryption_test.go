//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/etcd-restore/etcd-restore/pkg/encryption"
	"github.com/etcd-restore/etcd-restore/pkg/kubeobject"
	etcdsnapshot "github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

// encrypter has the API server of a node encrypt Secrets.
type encrypter struct {
	*scene
	secrets typed.SecretInterface
	used    []string // providers in the configuration of now, the newest first
}

// configFile is where the API server sees it, too: kubeadm mounts the folder.
func configFile(name string) string { return "/etc/kubernetes/pki/encryption-" + name + ".yaml" }

// flagLine is the one that names the configuration.
var flagLine = regexp.MustCompile(`(?m)^( *- )kube-apiserver\n(?: *- --encryption-provider-config=.*\n)?`)

// configure gives the API server another file, which starts it again.
func (e *encrypter) configure(t *testing.T, name, text string) {
	t.Helper()
	e.node.Write(t, configFile(name), []byte(text), 0o600)
	e.node.EditManifest(t, "kube-apiserver.yaml", func(manifest string) string {
		return flagLine.ReplaceAllString(manifest, "${1}kube-apiserver\n${1}--encryption-provider-config="+configFile(name)+"\n")
	})
}

// encrypt has Secrets encrypted by provider from now on, those of before still read, and
// makes a Secret until it is. Its name and what it holds are the provider's.
func (e *encrypter) encrypt(t *testing.T, provider string, key encryptiontest.Key) {
	t.Helper()
	e.used = append([]string{encryptiontest.Provider(provider, key)}, e.used...)
	e.configure(t, provider, encryptiontest.Config("secrets", append(slices.Clone(e.used), "identity: {}")...))
	e.eventually(t, func(ctx context.Context) error {
		if err := e.secrets.Delete(ctx, provider, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: provider}, StringData: map[string]string{"what": "it was " + provider}}
		if _, err := e.secrets.Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			return err
		}
		r, err := e.node.Try(ctx, lab.Etcdctl("get", "--print-value-only", "/registry/secrets/shop/"+provider)...)
		if want := fmt.Sprintf("k8s:enc:%s:v1:%s:", provider, key.Name); err == nil && !strings.HasPrefix(r.Stdout, want) {
			err = fmt.Errorf("it is not stored as %s: %.30q", want, r.Stdout)
		}
		return err
	})
}

// readable asks the API server for all Secrets.
func (e *encrypter) readable(ctx context.Context, providers ...string) error {
	if _, err := e.secrets.List(ctx, metav1.ListOptions{}); err != nil {
		return err
	}
	for _, p := range providers {
		s, err := e.secrets.Get(ctx, p, metav1.GetOptions{})
		if err != nil {
			return err
		}
		if got := string(s.Data["what"]); got != "it was "+p {
			return fmt.Errorf("Secret %s holds %q", p, got)
		}
	}
	return nil
}

// What a kube-apiserver has encrypted is read with its configuration, as it reads it; and
// a restore that would leave it without the key does not begin.
func TestEncryption(t *testing.T) {
	e := &encrypter{scene: setUp(t, lab.Options{})}
	client, err := kubernetes.NewForConfig(e.config)
	must(t, err)
	e.secrets = client.CoreV1().Secrets("shop")
	keys := map[string]encryptiontest.Key{}
	providers := []string{"aescbc", "secretbox", "aesgcm"}
	for i, p := range providers {
		keys[p] = encryptiontest.NewKey(fmt.Sprintf("key%d", i+1), 32)
		e.encrypt(t, p, keys[p])
	}
	e.save(t)
	check := func(flags ...string) lab.Result {
		return e.node.Run(t, append([]string{plugin, "check-encryption", snapshot, "--all"}, flags...)...)
	}

	t.Run("with the configuration of the node", func(t *testing.T) {
		r := check("-o", "json")
		requireCode(t, done, r)
		type group struct {
			Resource, Provider, Key, Readable string
			Values, Tried                     int
		}
		var report struct{ Groups []group }
		must(t, json.Unmarshal([]byte(r.Stdout), &report))
		for _, p := range providers {
			if !slices.ContainsFunc(report.Groups, func(g group) bool {
				return g.Resource == "secrets" && g.Provider == p && g.Key == keys[p].Name && g.Readable == "yes" && g.Tried == g.Values
			}) {
				t.Errorf("nothing of %s in %s", p, r.Stdout)
			}
		}
	})
	t.Run("decrypted", func(t *testing.T) { e.requireDecrypted(t, providers) })
	t.Run("what a restore would do", func(t *testing.T) {
		requireEqual(t, "the difference", "+ configmaps/shop/deleted\n~ configmaps/shop/kept\n- configmaps/shop/later\n", e.diff(t, "configmaps", "-n", "shop", "-o", "name"))
		requireEqual(t, "that of Secrets", "", e.diff(t, "secrets", "-o", "name"))
		t.Log(e.diff(t, "-o", "diff", "--encryption-provider-config", configFile("aesgcm")))
	})

	// The key of what is encrypted with aescbc goes, as it does when keys are rotated.
	e.used = e.used[:2]
	must(t, e.secrets.Delete(t.Context(), "aescbc", metav1.DeleteOptions{}))
	rotated := encryptiontest.Config("secrets", append(slices.Clone(e.used), "identity: {}")...)
	e.configure(t, "rotated", rotated)
	e.wait(t, 2*time.Minute)
	t.Run("a key is missing", func(t *testing.T) {
		if r := check(); r.Code != needsPerson || !strings.Contains(r.Stdout, "no such provider") {
			t.Errorf("ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
		}
		if r := e.run(t, restore()...); r.Code != refused || !strings.Contains(r.Stderr, "Encryption: ") {
			t.Errorf("ended with %d\n%s%s", r.Code, r.Stdout, r.Stderr)
		}
		requireCode(t, done, check("--encryption-provider-config", configFile("aesgcm")))
	})
	e.used = append(e.used, encryptiontest.Provider("aescbc", keys["aescbc"]))
	e.configure(t, "again", encryptiontest.Config("secrets", append(slices.Clone(e.used), "identity: {}")...))
	e.wait(t, 2*time.Minute)
	t.Run("restored", func(t *testing.T) {
		requireCode(t, done, e.run(t, restore()...))
		e.requireRestored(t)
		e.eventually(t, func(ctx context.Context) error { return e.readable(ctx, providers...) })
		// kubeadm is told where the data are now; all else is as it was.
		requireEqual(t, "the difference", "~ configmaps/kube-system/kubeadm-config\n", e.diff(t, "configmaps,secrets,namespaces,roles,services", "-o", "name"))
	})
}

// diff compares the snapshot with the live cluster.
func (e *encrypter) diff(t *testing.T, flags ...string) string {
	t.Helper()
	r := e.node.Run(t, append([]string{plugin, "diff", snapshot, "--live", "--kubeconfig", "/etc/kubernetes/admin.conf"}, flags...)...)
	requireCode(t, done, r)
	return r.Stdout
}

// requireDecrypted reads the Secrets out of the snapshot.
func (e *encrypter) requireDecrypted(t *testing.T, providers []string) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "snap.db")
	e.node.CopyTo(t, snapshot, copied)
	config, err := encryption.Load(e.node.Disk(configFile("aesgcm")))
	must(t, err)
	f, err := etcdsnapshot.Open(copied)
	must(t, err)
	defer f.Close()
	view, err := f.Keyspace()
	must(t, err)
	index, err := kubeobject.Open(t.Context(), view, kubeobject.Options{})
	must(t, err)
	for _, p := range providers {
		key := []byte("/registry/secrets/shop/" + p)
		entry, found := index.Key(string(key))
		if !found {
			t.Fatalf("no %s", key)
		}
		must(t, index.Value(entry, func(value []byte) error {
			plain, err := config.Decrypt("secrets", key, value)
			if err != nil || !strings.HasPrefix(string(value), "k8s:enc:"+p) || !strings.HasPrefix(string(plain), "k8s\x00") || !strings.Contains(string(plain), "it was "+p) {
				t.Errorf("%s: %.40q, %.40q, %v", p, value, plain, err)
			}
			return nil
		}))
	}
}
