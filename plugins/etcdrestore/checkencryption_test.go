package etcdrestore_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

// encryptedSnapshot has Secrets of two keys, one of a plugin, one of nobody, and what is
// not encrypted.
func encryptedSnapshot(t *testing.T, now, was encryptiontest.Key) string {
	t.Helper()
	const object = "k8s\x00 an object"
	var values []fixture.Value
	put := func(key string, value []byte) { values = append(values, fixture.Value{Key: key, Value: value}) }
	for i := range 9 {
		at := fmt.Sprintf("/registry/secrets/default/now-%d", i)
		put(at, encryptiontest.Encrypt(t, "aescbc", now, at, []byte(object)))
	}
	at := "/registry/secrets/default/was\x1b[31m"
	put(at, encryptiontest.Encrypt(t, "secretbox", was, at, []byte(object)))
	put("/registry/example.com/widgets/default/w", []byte("k8s:enc:kms:v2:vault:\x12\x05key-9"))
	put("/registry/configmaps/default/c", []byte(object))
	put("/registry/masterleases/10.0.0.1", []byte(object))
	put("compact_rev_key", []byte("7"))
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if err := fixture.Write(path, fixture.Options{Bytes: 10_000, Also: values}); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCheckEncryption(t *testing.T) {
	t.Parallel()
	now, was, other := encryptiontest.NewKey("now", 32), encryptiontest.NewKey("was", 32), encryptiontest.NewKey("was", 32)
	snapshot := encryptedSnapshot(t, now, was)
	before, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	aescbc := encryptiontest.Provider("aescbc", now)
	const kms = "- resources: [widgets.example.com]\n  providers: [kms: {apiVersion: v2, name: vault, endpoint: 'unix:///x'}]\n"
	for name, tc := range map[string]struct {
		config string
		code   int
		want   []string // in what is printed, spaces as one
	}{
		"all keys": {encryptiontest.Config("secrets", aescbc, encryptiontest.Provider("secretbox", was), "identity: {}") + kms, 1, []string{
			"RESOURCE VALUES PROVIDER KEY READABLE", "secrets 9 aescbc now yes", "secrets 1 secretbox was yes",
			"widgets.example.com 1 kms v2 vault unknown: ask the KMS plugin", "Not encrypted, and readable: 1 value of 1 resource.",
		}},
		"one is missing": {encryptiontest.Config("secrets", aescbc, "identity: {}") + kms, 4, []string{"secrets 9 aescbc now yes", "secrets 1 secretbox was no: no such provider"}},
		"one is another": {encryptiontest.Config("secrets", aescbc, encryptiontest.Provider("secretbox", other)) + kms, 4, []string{"secrets 1 secretbox was no: another key of that name", "first /registry/secrets/default/was"}},
		"none at all":    {encryptiontest.Config("secrets", "identity: {}"), 4, []string{"secrets 9 aescbc now no: no such provider", "widgets.example.com 1 kms v2 vault no: resource not covered"}},
		"no identity":    {encryptiontest.Config("'*.*'", aescbc, encryptiontest.Provider("secretbox", was), "kms: {apiVersion: v2, name: vault, endpoint: 'unix:///x'}"), 4, []string{"configmaps 1 - - no: no provider identity"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(config, []byte(tc.config), 0o600); err != nil {
				t.Fatal(err)
			}
			got := run(t, "check-encryption", snapshot, "--encryption-provider-config", config)
			text := strings.Join(strings.Fields(got.out), " ")
			if got.code != tc.code || !strings.Contains(got.err, "hint: ") {
				t.Errorf("%+v", got)
			}
			for _, want := range tc.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, got.out)
				}
			}
			checkPage(t, strings.ReplaceAll(got.out, config, "FILE"))
			for _, k := range []encryptiontest.Key{now, was, other} { // invariant I10
				if secret := base64.StdEncoding.EncodeToString(k.Secret); strings.Contains(got.out+got.err, secret[:16]) {
					t.Errorf("a key is shown: %+v", got)
				}
			}
			after, err := os.ReadFile(snapshot)
			if err != nil || string(after) != string(before) {
				t.Errorf("the snapshot has changed (invariant I1), %v", err)
			}
		})
	}
}

func TestCheckEncryptionInJSON(t *testing.T) {
	t.Parallel()
	now, was := encryptiontest.NewKey("now", 32), encryptiontest.NewKey("was", 32)
	snapshot, config := encryptedSnapshot(t, now, was), filepath.Join(t.TempDir(), "config.yaml")
	text := encryptiontest.Config("'*.*'", encryptiontest.Provider("aescbc", now), encryptiontest.Provider("secretbox", was), "kms: {apiVersion: v2, name: vault, endpoint: 'unix:///x'}", "identity: {}")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for all, tried := range map[string]int{"--all=false": 4, "--all": 9} { // the 1st, 2nd, 4th, 8th
		got := run(t, "check-encryption", snapshot, "--encryption-provider-config", config, "-o", "json", all)
		var report struct {
			Kind, Readable string
			Groups         []struct {
				Resource, Key, KeyID, Readable string
				Values, Tried, Failed          int
			}
		}
		if err := json.Unmarshal([]byte(got.out), &report); err != nil || got.code != 1 {
			t.Fatalf("%v, %+v", err, got)
		}
		if report.Kind != "EncryptionCheck" || report.Readable != "unknown" || len(report.Groups) != 4 {
			t.Errorf("%+v", report)
		}
		for _, g := range report.Groups {
			switch g.Key {
			case "now":
				if g.Tried != tried || g.Values != 9 || g.Failed != 0 || g.Readable != "yes" {
					t.Errorf("%s: %+v", all, g)
				}
			case "vault":
				if g.KeyID != "key-9" || g.Readable != "unknown" {
					t.Errorf("%+v", g)
				}
			}
		}
	}
}

// TestCheckEncryptionOfNode takes the keys from where the node's API server has them.
func TestCheckEncryptionOfNode(t *testing.T) {
	t.Parallel()
	now, was := encryptiontest.NewKey("now", 32), encryptiontest.NewKey("was", 32)
	snapshot, root := encryptedSnapshot(t, now, was), t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := run(t, "check-encryption", snapshot, "--rootfs", root); got.code != 2 || !strings.Contains(got.err, "this is no control-plane node") {
		t.Errorf("%+v", got)
	}
	manifest := func(flags string) {
		write("/etc/kubernetes/manifests/kube-apiserver.yaml", `apiVersion: v1
kind: Pod
metadata: {name: kube-apiserver, namespace: kube-system}
spec:
  containers:
  - name: kube-apiserver
    command: [kube-apiserver`+flags+`]
    volumeMounts: [{name: enc, mountPath: /etc/enc}]
  volumes: [{name: enc, hostPath: {path: /etc/kubernetes/enc}}]
`)
	}
	manifest("")
	if got := run(t, "check-encryption", snapshot, "--rootfs", root); got.code != 4 || !strings.Contains(got.out, "Keys: none") {
		t.Errorf("%+v", got)
	}
	manifest(", --encryption-provider-config=/etc/enc/config.yaml")
	if got := run(t, "check-encryption", snapshot, "--rootfs", root); got.code != 1 || !strings.Contains(got.err, "no such file") {
		t.Errorf("%+v", got)
	}
	write("/etc/kubernetes/enc/config.yaml", "kind: x")
	if got := run(t, "check-encryption", snapshot, "--rootfs", root); got.code != 2 || !strings.Contains(got.err, "invalid encryption configuration") {
		t.Errorf("%+v", got)
	}
	write("/etc/kubernetes/enc/config.yaml", encryptiontest.Config("secrets", encryptiontest.Provider("aescbc", now), encryptiontest.Provider("secretbox", was))+
		"- resources: [widgets.example.com]\n  providers: [kms: {apiVersion: v2, name: vault, endpoint: 'unix:///x'}]\n")
	if got := run(t, "check-encryption", snapshot, "--rootfs", root); got.code != 1 || !strings.Contains(got.out, "unknown") {
		t.Errorf("%+v", got)
	}
	manifest(", --encryption-provider-config=/etc/enc/config.yaml, --etcd-prefix=/elsewhere")
	if got := run(t, "check-encryption", snapshot, "--rootfs", root); got.code != 0 || !strings.Contains(got.out, "Nothing below the prefix") {
		t.Errorf("%+v", got)
	}
}

func TestCheckEncryptionOfGarbage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, garbage := filepath.Join(dir, "config.yaml"), filepath.Join(dir, "garbage.db")
	for path, text := range map[string]string{config: encryptiontest.Config("secrets", "identity: {}"), garbage: strings.Repeat("x", 9000)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, code := range map[string]int{garbage: 5, dir: 5, filepath.Join(dir, "none"): 1} {
		if got := run(t, "check-encryption", path, "--encryption-provider-config", config); got.code != code || got.out != "" || !strings.HasPrefix(got.err, "error: ") {
			t.Errorf("%s: %+v", path, got)
		}
	}
}
