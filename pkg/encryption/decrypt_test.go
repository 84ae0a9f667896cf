package encryption

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

const (
	at       = "/registry/secrets/default/s"
	anObject = "k8s\x00 an object, as it is stored"
)

func config(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Read([]byte(text))
	if err != nil {
		t.Fatalf("%v, of\n%s", err, text)
	}
	return c
}

// TestDecrypt reads what each provider with each size of a key has encrypted.
func TestDecrypt(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16, 24, 32} {
		for _, provider := range []string{"aescbc", "aesgcm", "secretbox"} {
			if provider == "secretbox" && size != 32 {
				continue
			}
			key := encryptiontest.NewKey("key1", size)
			c := config(t, encryptiontest.Config("secrets", encryptiontest.Provider(provider, key)))
			for length := range 70 {
				text := strings.Repeat("x", length)
				got, err := c.Decrypt("secrets", []byte(at), encryptiontest.Encrypt(t, provider, key, at, []byte(text)))
				if err != nil || string(got) != text {
					t.Fatalf("%s with %d bytes: %q, %v", provider, size, got, err)
				}
			}
		}
	}
}

// TestCutShort reads values of every length up to a whole one.
func TestCutShort(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"aescbc", "aesgcm", "secretbox"} {
		key := encryptiontest.NewKey("key1", 32)
		c := config(t, encryptiontest.Config("secrets", encryptiontest.Provider(provider, key)))
		whole := encryptiontest.Encrypt(t, provider, key, at, []byte(anObject))
		for n := len("k8s:enc:"); n < len(whole); n++ {
			got, err := c.Decrypt("secrets", []byte(at), whole[:n])
			passes := provider == "aescbc" && err == nil // it authenticates nothing
			if !errors.Is(err, ErrUnreadable) && !passes {
				t.Fatalf("%s, %d of %d bytes: %q, %v", provider, n, len(whole), got, err)
			}
		}
		head := len("k8s:enc::v1:key1:") + len(provider)
		if _, err := c.Decrypt("secrets", []byte(at), whole[:head+3]); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", provider, err)
		}
	}
}

// TestWhyUnreadable has one configuration for each reason.
func TestWhyUnreadable(t *testing.T) {
	t.Parallel()
	one, other, two := encryptiontest.NewKey("one", 32), encryptiontest.NewKey("one", 32), encryptiontest.NewKey("two", 32)
	cbc := func(k encryptiontest.Key) []byte { return encryptiontest.Encrypt(t, "aescbc", k, at, []byte(anObject)) }
	gcm := func(k encryptiontest.Key) []byte { return encryptiontest.Encrypt(t, "aesgcm", k, at, []byte(anObject)) }
	box := func(k encryptiontest.Key) []byte {
		return encryptiontest.Encrypt(t, "secretbox", k, at, []byte(anObject))
	}
	aescbc := func(k ...encryptiontest.Key) string { return encryptiontest.Provider("aescbc", k...) }
	aesgcm := func(k ...encryptiontest.Key) string { return encryptiontest.Provider("aesgcm", k...) }
	secretbox := func(k ...encryptiontest.Key) string { return encryptiontest.Provider("secretbox", k...) }
	const identity, kms = "identity: {}", "kms: {apiVersion: v2, name: vault, endpoint: 'unix:///kms.sock'}"

	for name, tc := range map[string]struct {
		resources string
		providers []string
		value     []byte
		want      error
	}{
		"the second key":                  {"secrets", []string{aesgcm(two, one)}, gcm(one), nil},
		"the second provider":             {"secrets", []string{aescbc(one), aesgcm(one)}, gcm(one), nil},
		"a provider that is there twice":  {"secrets", []string{aescbc(two), aescbc(one)}, cbc(one), nil},
		"two keys of one name":            {"secrets", []string{aesgcm(other, one)}, gcm(one), nil},
		"identity first":                  {"secrets", []string{identity, secretbox(one)}, box(one), nil},
		"plain, identity last":            {"secrets", []string{secretbox(one), identity}, []byte(anObject), nil},
		"plain, not covered":              {"configmaps", []string{secretbox(one)}, []byte(anObject), nil},
		"plain, no identity":              {"secrets", []string{secretbox(one)}, []byte(anObject), ErrPlain},
		"not covered":                     {"configmaps", []string{aescbc(one)}, cbc(one), ErrNotCovered},
		"identity only":                   {"secrets", []string{identity}, cbc(one), ErrNoProvider},
		"another provider":                {"secrets", []string{aesgcm(one), identity}, cbc(one), ErrNoProvider},
		"another name":                    {"secrets", []string{aescbc(two), identity}, cbc(one), ErrNoKey},
		"another key, gcm":                {"secrets", []string{aesgcm(other), identity}, gcm(one), ErrWrongKey},
		"another key, box":                {"secrets", []string{secretbox(other), identity}, box(one), ErrWrongKey},
		"another key, then another name":  {"secrets", []string{aesgcm(other), aesgcm(two)}, gcm(one), ErrWrongKey},
		"the core group":                  {"'*.'", []string{aescbc(one)}, cbc(one), nil},
		"everything":                      {"'*.*'", []string{aescbc(one)}, cbc(one), nil},
		"another group":                   {"'*.apps'", []string{aescbc(one)}, cbc(one), ErrNotCovered},
		"a resource that begins the same": {"secrets.example.com", []string{aescbc(one)}, cbc(one), ErrNotCovered},
		"kms":                             {"secrets", []string{kms}, []byte("k8s:enc:kms:v2:vault:xyz"), ErrPlugin},
		"kms of another name":             {"secrets", []string{kms}, []byte("k8s:enc:kms:v2:vault2:xyz"), ErrNoKey},
		"kms of another version":          {"secrets", []string{kms}, []byte("k8s:enc:kms:v1:vault:xyz"), ErrNoProvider},
		"a provider of the future":        {"secrets", []string{aescbc(one)}, []byte("k8s:enc:rot13:v1:one:xyz"), ErrNoProvider},
		"nothing behind the beginning":    {"secrets", []string{aescbc(one)}, []byte("k8s:enc:"), ErrNoProvider},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(t, encryptiontest.Config(tc.resources, tc.providers...))
			got, err := c.Decrypt("secrets", []byte(at), tc.value)
			switch {
			case tc.want == nil && (err != nil || string(got) != anObject):
				t.Errorf("%q, %v", got, err)
			case tc.want != nil && (!errors.Is(err, tc.want) || !errors.Is(err, ErrUnreadable)):
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

// TestAuthenticated moves a value to another key in etcd.
func TestAuthenticated(t *testing.T) {
	t.Parallel()
	key := encryptiontest.NewKey("k", 32)
	c := config(t, encryptiontest.Config("secrets", encryptiontest.Provider("aesgcm", key)))
	value := encryptiontest.Encrypt(t, "aesgcm", key, at, []byte(anObject))
	if _, err := c.Decrypt("secrets", []byte(at+"2"), value); !errors.Is(err, ErrWrongKey) {
		t.Error(err)
	}
}

// TestNamesWithColons are allowed to keys of files, where the longer name does not win:
// the first that fits does.
func TestNamesWithColons(t *testing.T) {
	t.Parallel()
	short, long := encryptiontest.NewKey("a", 32), encryptiontest.NewKey("a:b", 32)
	value := encryptiontest.Encrypt(t, "secretbox", long, at, []byte(anObject))
	for _, order := range [][]encryptiontest.Key{{short, long}, {long, short}, {long}} {
		c := config(t, strings.ReplaceAll(encryptiontest.Config("secrets", encryptiontest.Provider("secretbox", order...)), "a:b", "'a:b'"))
		if got, err := c.Decrypt("secrets", nil, value); err != nil || string(got) != anObject {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// TestNothingConfigured is a server without a configuration.
func TestNothingConfigured(t *testing.T) {
	t.Parallel()
	if got, err := None().Decrypt("secrets", nil, []byte(anObject)); err != nil || string(got) != anObject {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := None().Decrypt("secrets", nil, []byte("k8s:enc:aescbc:v1:k:x")); !errors.Is(err, ErrNotCovered) {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]Stored{
		"k8s:enc:aescbc:v1:key1:\x01\x02":                                       {Provider: "aescbc", Version: "v1", Key: "key1"},
		"k8s:enc:kms:v1:my plugin:x":                                            {Provider: "kms", Version: "v1", Key: "my plugin"},
		"k8s:enc:kms:v2:vault:\x0a\x02ab\x12\x04id-7\x1a\x01z":                  {Provider: "kms", Version: "v2", Key: "vault", KeyID: "id-7"},
		"k8s:enc:kms:v2:vault:\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff": {Provider: "kms", Version: "v2", Key: "vault"},
		"k8s:enc:kms:v2:vault:\x12\xff\xff\xff\xff\x0f":                         {Provider: "kms", Version: "v2", Key: "vault"},
		"k8s:enc:aescbc:v1":                                                     {Provider: "aescbc"},
		"k8s:enc:secretbox:v1:k:":                                               {Provider: "secretbox", Version: "v1", Key: "k"},
		"k8s:enc:something without an end":                                      {Provider: "something without an end"},
		"k8s:enc:":                                                              {},
		"k8s:enc:" + strings.Repeat("x", 2000) + ":":                            {},
	} {
		got, is := Parse([]byte(value))
		if !is || got != want {
			t.Errorf("%.40q: %+v, %t", value, got, is)
		}
	}
	for _, value := range []string{"", "k8s\x00x", "{}", "k8s:enc"} {
		if _, is := Parse([]byte(value)); is {
			t.Errorf("%q is taken for encrypted", value)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	key := encryptiontest.NewKey("k", 32)
	c, err := Read([]byte(encryptiontest.Config("secrets", "aescbc: {keys: ["+key.YAML()+"]}", "aesgcm: {keys: ["+key.YAML()+"]}", "secretbox: {keys: ["+key.YAML()+"]}", "kms: {name: p, endpoint: 'unix:///a'}")))
	if err != nil {
		f.Fatal(err)
	}
	for _, provider := range []string{"aescbc", "aesgcm", "secretbox"} {
		f.Add(encryptiontest.Encrypt(f, provider, key, at, []byte(anObject)))
	}
	f.Add([]byte("k8s:enc:kms:v2:p:\x12\x01"))
	f.Fuzz(func(t *testing.T, value []byte) {
		before := bytes.Clone(value)
		if _, err := c.Decrypt("secrets", []byte(at), value); err != nil && !errors.Is(err, ErrUnreadable) {
			t.Error(err)
		}
		if !bytes.Equal(before, value) {
			t.Error("the value was changed (invariant I1)")
		}
	})
}
