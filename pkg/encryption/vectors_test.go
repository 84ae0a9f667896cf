package encryption

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatAnAPIServerWrote reads Secrets that a kube-apiserver 1.37.2 has stored in the
// lab (TestEncryption in test/e2e), with the configuration that it had. The keys were
// made for that.
func TestWhatAnAPIServerWrote(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "kube-apiserver-1.37")
	c, err := Load(filepath.Join(dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for provider, key := range map[string]string{"aescbc": "key1", "secretbox": "key2", "aesgcm": "key3"} {
		value, err := os.ReadFile(filepath.Join(dir, provider))
		if err != nil {
			t.Fatal(err)
		}
		if stored, is := Parse(value); !is || stored != (Stored{Provider: provider, Version: "v1", Key: key}) {
			t.Errorf("%s: %+v, %t", provider, stored, is)
		}
		at := []byte("/registry/secrets/shop/" + provider)
		plain, err := c.Decrypt("secrets", at, value)
		if err != nil || !strings.HasPrefix(string(plain), "k8s\x00") || !strings.Contains(string(plain), "it was "+provider) {
			t.Errorf("%s: %.40q, %v", provider, plain, err)
		}
		if _, err := c.Decrypt("secrets", append(at, '2'), value); (provider == "aesgcm") != errors.Is(err, ErrWrongKey) {
			t.Errorf("%s at another key: %v", provider, err)
		}
	}
}
