package preflight_test

import (
	"os"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

func TestEncryption(t *testing.T) {
	t.Parallel()
	const (
		file      = "/etc/kubernetes/enc/config.yaml"
		namespace = "/registry/namespaces/kube-system"
		secret    = "/registry/secrets/default/s"
		prefixed  = "/elsewhere/secrets/default/s"
		object    = "k8s\x00x"
	)
	key, other := encryptiontest.NewKey("key1", 32), encryptiontest.NewKey("key1", 32)
	// with is a snapshot of these values, and an API server with this configuration.
	with := func(config string, values ...fixture.Value) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			must(t, os.Remove(w.snapshot))
			must(t, fixture.Write(w.snapshot, fixture.Options{Bytes: 100_000, UID: uid, Also: values}))
			if config != "" {
				w.component(t, "kube-apiserver", "--encryption-provider-config=/etc/enc/config.yaml")
				w.write(t, file, config)
			}
		}
	}
	gcm := func(k encryptiontest.Key, at string, plain string) fixture.Value {
		return fixture.Value{Key: at, Value: encryptiontest.Encrypt(t, "aesgcm", k, at, []byte(plain))}
	}
	aesgcm := encryptiontest.Provider("aesgcm", key)
	const kms = "kms: {apiVersion: v2, name: vault, endpoint: 'unix:///kms.sock'}"
	try(t, "Encryption", map[string]wrong{
		"not encrypted":        {change: with("", fixture.Value{Key: secret, Value: []byte(object)})},
		"encrypted":            {change: with(encryptiontest.Config("secrets", aesgcm, "identity: {}"), gcm(key, secret, object))},
		"nothing configured":   {change: with("", gcm(key, secret, object)), want: fails("secrets: the API server cannot read it: aesgcm, key \"key1\": the configuration does not cover")},
		"another key":          {change: with(encryptiontest.Config("secrets", aesgcm, "identity: {}"), gcm(other, secret, object)), want: fails("authentication failed")},
		"the object of others": {change: with(encryptiontest.Config("secrets", aesgcm), gcm(key, secret+"2", object), fixture.Value{Key: secret, Value: gcm(key, secret+"2", object).Value}), want: fails("authentication failed")},
		"no identity":          {change: with(encryptiontest.Config("secrets", aesgcm), fixture.Value{Key: secret, Value: []byte(object)}), want: fails("it is not encrypted, and")},
		"everything": {change: with(encryptiontest.Config("'*.*'", aesgcm, "identity: {}"), gcm(key, secret, object),
			fixture.Value{Key: "/registry/masterleases/10.0.0.1", Value: []byte(object)})},
		"a plugin":               {change: with(encryptiontest.Config("secrets", kms), fixture.Value{Key: secret, Value: []byte("k8s:enc:kms:v2:vault:x")}), want: warnings("its KMS plugin cannot be asked")},
		"no such plugin":         {change: with(encryptiontest.Config("secrets", kms), fixture.Value{Key: secret, Value: []byte("k8s:enc:kms:v2:fault:x")}), want: fails(`kms v2, plugin "fault": there is no key`)},
		"a broken configuration": {change: with("kind: x", gcm(key, secret, object)), want: skips("see EncryptionConfig"), also: []string{"EncryptionConfig"}},
	})
	// With a namespace kube-system that is encrypted, too, which cluster it is of is known.
	try(t, "SnapshotOrigin", map[string]wrong{
		"encrypted, and ours": {change: func(t *testing.T, w *world) {
			plain := `{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"kube-system","uid":"` + uid + `"}}`
			must(t, os.Remove(w.snapshot))
			must(t, fixture.Write(w.snapshot, fixture.Options{Bytes: 100_000, Also: []fixture.Value{gcm(key, namespace, plain)}}))
			w.component(t, "kube-apiserver", "--encryption-provider-config=/etc/enc/config.yaml")
			w.write(t, file, encryptiontest.Config("'*.*'", aesgcm))
		}},
		"another prefix": {change: func(t *testing.T, w *world) {
			with(encryptiontest.Config("secrets", aesgcm), gcm(key, prefixed, object))(t, w)
			w.component(t, "kube-apiserver", "--encryption-provider-config=/etc/enc/config.yaml", "--etcd-prefix=/elsewhere")
		}, want: fails("no namespace kube-system")},
	})
}
