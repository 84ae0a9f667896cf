package encryption

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

const (
	head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n"
	k32  = "c2VjcmV0IGlzIHNlY3VyZSwgb3IgaXMgaXQ/ISEhISE=" // 32 bytes
	k16  = "c2VjcmV0IGlzIHNlY3VyZQ=="                     // 16 bytes
)

func TestAccepted(t *testing.T) {
	t.Parallel()
	key := "{name: k, secret: " + k32 + "}"
	for name, text := range map[string]string{
		"the example of the API": head + "- resources: [events]\n  providers: [identity: {}]\n- resources: [secrets, configmaps, pandas.awesome.bears.example]\n" +
			"  providers: [aescbc: {keys: [" + key + "]}]\n- resources: ['*.apps']\n  providers: [aescbc: {keys: [" + key + "]}]\n- resources: ['*.*']\n  providers: [aescbc: {keys: [" + key + "]}]",
		"json":                         `{"kind":"EncryptionConfiguration","apiVersion":"apiserver.config.k8s.io/v1","resources":[{"resources":["secrets"],"providers":[{"aesgcm":{"keys":[{"name":"k","secret":"` + k16 + `"}]}},{"identity":{}}]}]}`,
		"the old kind":                 "kind: EncryptionConfig\napiVersion: v1\nresources: [{resources: [secrets], providers: [secretbox: {keys: [" + key + "]}]}]",
		"a name that is a date":        encryptiontest.Config("secrets", "aescbc: {keys: [{name: 2026-01-01, secret: "+k32+"}]}"),
		"aliases":                      head + "- resources: [secrets]\n  providers: [aescbc: &a {keys: [" + key + "]}, aescbc: *a]",
		"providers that are null":      encryptiontest.Config("secrets", "{aescbc: null, identity: {}}"),
		"kms":                          encryptiontest.Config("secrets", "kms: {name: 'a:b', endpoint: 'unix:///x', cachesize: 10, timeout: 3s}", "kms: {apiVersion: v2, name: c, endpoint: 'unix:///@y'}", "kms: {name: 'a:b', endpoint: 'unix:///x', cachesize: -1}"),
		"the same resource twice":      head + "- resources: [secrets]\n  providers: [identity: {}]\n- resources: [secrets]\n  providers: [identity: {}]",
		"a second document is ignored": encryptiontest.Config("secrets", "identity: {}") + "---\nwhatever: 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := Read([]byte(text)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	key := "{name: k, secret: " + k32 + "}"
	with := encryptiontest.Config
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":                  {" \n", "it is empty"},
		"a comment":                {"# nothing\n", "it is empty"},
		"no YAML":                  {"a: [", "no valid YAML, see line 1"},
		"an unquoted wildcard":     {with("*.*", "identity: {}"), "no valid YAML, see line"},
		"a list":                   {"[]", "an object is expected"},
		"another kind":             {"apiVersion: v1\nkind: Secret\n", "it is no apiVersion"},
		"another version":          {strings.Replace(with("secrets", "identity: {}"), "io/v1", "io/v2", 1), "it is no apiVersion"},
		"no kind":                  {"resources: []", "it is no apiVersion"},
		"no resources":             {head, "at least one is required"},
		"an unknown field":         {head + "- resources: [secrets]\n  provider: []", "line 5, resources[0]: unknown field provider; there are resources, providers"},
		"a field in capitals":      {with("secrets", "aescbc: {keys: [{Name: k, secret: "+k32+"}]}"), "unknown field Name"},
		"a field twice":            {with("secrets", "aescbc: {keys: [{name: k, name: l, secret: "+k32+"}]}"), "is there twice"},
		"no list of resources":     {with("", "identity: {}"), "at least one is required"},
		"no list of providers":     {head + "- resources: [secrets]", "resources[0].providers: at least one"},
		"an empty provider":        {with("secrets", "{}"), "one of kms, aesgcm, aescbc, secretbox, identity is required"},
		"identity without braces":  {with("secrets", "identity:"), "identity is written as {}"},
		"identity with a field":    {with("secrets", "identity: {x: 1}"), "unknown field x; there are none"},
		"two providers in one":     {with("secrets", "{identity: {}, aescbc: {keys: ["+key+"]}}"), "aescbc and identity are two"},
		"a provider of the future": {with("secrets", "rot: {keys: ["+key+"]}"), "unknown field rot"},
		"no keys":                  {with("secrets", "aescbc: {keys: []}"), "aescbc.keys: at least one"},
		"no name":                  {with("secrets", "aescbc: {keys: [{secret: "+k32+"}]}"), "keys[0].name: it is required"},
		"no secret":                {with("secrets", "aescbc: {keys: [{name: k, secret: ''}]}"), "keys[0].secret: it is required"},
		"a name that is a number":  {with("secrets", "aescbc: {keys: [{name: 1, secret: "+k32+"}]}"), "write it in quotes"},
		"a name that is a boolean": {with("secrets", "aescbc: {keys: [{name: on, secret: "+k32+"}]}"), "write it in quotes"},
		"a secret of binary":       {with("secrets", "aescbc: {keys: [{name: k, secret: !!binary "+k32+"}]}"), "write it in quotes"},
		"no base64":                {with("secrets", "aescbc: {keys: [{name: k, secret: '~~~'}]}"), "the key is not base64"},
		"a short key":              {with("secrets", "aescbc: {keys: [{name: k, secret: YWJj}]}"), "the key has 3 bytes, not 16 or 24 or 32"},
		"a short key for a box":    {with("secrets", "secretbox: {keys: [{name: k, secret: "+k16+"}]}"), "the key has 16 bytes, not 32"},
		"capitals":                 {with("Secrets", "identity: {}"), "no capital letters"},
		"a star":                   {with("'*'", "identity: {}"), "write *. for the core group"},
		"no REST":                  {with("serviceipallocations", "identity: {}"), "no REST API"},
		"events":                   {with("events.events.k8s.io", "identity: {}"), "write events"},
		"extensions":               {with("ingresses.extensions", "identity: {}"), "is gone"},
		"one of all groups":        {with("'secrets.*'", "identity: {}"), "of all groups"},
		"twice in a list":          {with("secrets, secrets", "identity: {}"), "is there twice"},
		"covered in a list":        {with("secrets, '*.'", "identity: {}"), "covers another one"},
		"all covered in a list":    {with("'*.*', pods.metrics.k8s.io", "identity: {}"), "covers another one"},
		"masked by a group":        {with("'*.apps'", "identity: {}") + "- resources: [deployments.apps]\n  providers: [identity: {}]", `"deployments.apps" is masked by the earlier "*.apps"`},
		"masked by everything":     {with("'*.*'", "identity: {}") + "- resources: ['*.']\n  providers: [identity: {}]", `"*." is masked by the earlier "*.*"`},
		"kms without a name":       {with("secrets", "kms: {endpoint: 'unix:///x'}"), "kms.name: it is required"},
		"kms without an endpoint":  {with("secrets", "kms: {name: p}"), "kms.endpoint: it is required"},
		"kms over the network":     {with("secrets", "kms: {name: p, endpoint: 'https://x'}"), "scheme unix"},
		"kms v3":                   {with("secrets", "kms: {apiVersion: v3, name: p, endpoint: 'unix:///x'}"), "neither v1 nor v2"},
		"kms with a colon":         {with("secrets", "kms: {apiVersion: v2, name: 'p:q', endpoint: 'unix:///x'}"), "must not have a colon"},
		"kms twice":                {with("secrets", "kms: {apiVersion: v2, name: p, endpoint: 'unix:///x'}", "kms: {apiVersion: v2, name: p, endpoint: 'unix:///y'}"), "is there twice"},
		"kms with a cache":         {with("secrets", "kms: {apiVersion: v2, name: p, endpoint: 'unix:///x', cachesize: 3}"), "a plugin of v2 has none"},
		"kms without a cache":      {with("secrets", "kms: {name: p, endpoint: 'unix:///x', cachesize: 0}"), "must not be 0"},
		"kms with a large cache":   {with("secrets", "kms: {name: p, endpoint: 'unix:///x', cachesize: 3000000000}"), "no number of 32 bits"},
		"kms in no time":           {with("secrets", "kms: {name: p, endpoint: 'unix:///x', timeout: 0s}"), "no duration above zero"},
		"an alias of itself":       {head + "- &a\n  resources: [secrets]\n  providers: [*a]", "unknown field resources"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read([]byte(tc.text))
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// TestAliasesOfAliases is a short text that stands for a very long one.
func TestAliasesOfAliases(t *testing.T) {
	t.Parallel()
	many := func(alias string) string { return "[" + strings.Repeat(alias+", ", 3000) + alias + "]" }
	text := head + "- &r\n  resources: [secrets]\n  providers:\n  - &p\n    aescbc:\n      keys: [&k {name: k, secret: " + k32 + "}, " + many("*k")[1:] + "\n" +
		strings.Repeat("  - *p\n", 3000) + strings.Repeat("- *r\n", 3000)
	done := make(chan error, 1)
	go func() {
		_, err := Read([]byte(text))
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "more than 100000 elements") {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it does not end")
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := Load(write("good", encryptiontest.Config("secrets", "identity: {}"))); err != nil {
		t.Error(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		dir:                        "is a directory",
		write("large", strings.Repeat("#", 1<<20+1)):      "more than 1048576 bytes",
		write("bad", "kind: x"):                           filepath.Join(dir, "bad"),
		write("binary", "\x00\xff\xfe"+string([]byte{1})): "no valid YAML",
	} {
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	pipe := filepath.Join(dir, "pipe") // nobody writes to it
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

// TestKeysAreNotPrinted looks for a key in every form of printing and in every error
// there is (invariant I10).
func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	key := encryptiontest.NewKey("k", 32)
	secret := base64.StdEncoding.EncodeToString(key.Secret)
	shows := func(what, text string) {
		t.Helper()
		for _, form := range []string{secret, secret[:20], string(key.Secret), hex.EncodeToString(key.Secret[:8]), fmt.Sprintf("%d", key.Secret[:6])[1:], fmt.Sprintf("%#v", key.Secret[:6])[8:20]} {
			if strings.Contains(text, strings.Trim(form, "[]{}")) {
				t.Errorf("%s shows the key: %s", what, text)
			}
		}
	}
	for _, provider := range []string{"aescbc", "aesgcm", "secretbox"} {
		c := config(t, encryptiontest.Config("secrets", encryptiontest.Provider(provider, key)))
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			shows(verb, fmt.Sprintf(verb, c))
			shows(verb, fmt.Sprintf(verb, *c))
			shows(verb, fmt.Sprintf(verb, c.providers))
		}
		text, err := json.Marshal(map[string]any{"config": c}) // as a part of something
		if err != nil {
			t.Fatal(err)
		}
		shows("json", string(text))
		value := encryptiontest.Encrypt(t, provider, key, at, []byte(anObject))
		for n := range value {
			broken := append([]byte(nil), value...)
			broken[n] ^= 1
			_, err := c.Decrypt("secrets", []byte(at), broken)
			shows("an error", fmt.Sprintf("%+v", err))
		}
	}
	// The key wherever it may be put by mistake, and the text cut and broken anywhere.
	sound := encryptiontest.Config("secrets", encryptiontest.Provider("aescbc", key))
	var texts []string
	for _, p := range []string{
		"aescbc: {keys: [{secret: k, name: " + secret + "}]}", "aescbc: {keys: [{name: k, " + secret + "}]}", "aescbc: " + secret,
		"aescbc: {keys: [" + secret + "]}", "aescbc: {keys: [{name: k, secret: [" + secret + "]}]}", "aescbc: {keys: [{name: k, secret: *" + secret[:30] + "}]}",
		secret + ": {}", "aescbc: {" + secret + ": x}", "aescbc: {keys: [{name: k, secret: '" + secret + "x'}]}", "secretbox: {keys: [{name: k, secret: '" + secret + "AAAA'}]}",
		"kms: {name: k, endpoint: '" + secret + "'}", "kms: {name: k, endpoint: 'unix:///x', timeout: '" + secret + "'}", "kms: {name: k, endpoint: 'unix:///x', cachesize: '" + secret + "'}",
	} {
		texts = append(texts, encryptiontest.Config("secrets", p))
	}
	texts = append(texts, encryptiontest.Config("'"+secret+"'", "identity: {}"), secret)
	for n := range sound {
		texts = append(texts, sound[:n], sound[:n]+"\x01"+sound[n:], sound[:n]+"\n"+sound[n:], sound[:n]+"'"+sound[n:])
	}
	for _, text := range texts {
		if _, err := Read([]byte(text)); err != nil {
			shows("an error", fmt.Sprintf("%+v", err))
		}
	}
}

func FuzzRead(f *testing.F) {
	key := encryptiontest.NewKey("k", 32)
	f.Add([]byte(encryptiontest.Config("secrets, '*.apps'", "aescbc: {keys: ["+key.YAML()+"]}", "identity: {}")))
	f.Add([]byte(encryptiontest.Config("'*.*'", "kms: {apiVersion: v2, name: p, endpoint: 'unix:///x', timeout: 3s}", "secretbox: {keys: ["+key.YAML()+"]}")))
	f.Add([]byte(head + "- &a\n  resources: [secrets]\n  providers: [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Read(text)
		if (err == nil) != (c != nil) || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%v, %v", c, err)
		}
	})
}
