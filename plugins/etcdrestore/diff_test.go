package etcdrestore_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/etcd-restore/etcd-restore/test/encryptiontest"
)

// later is another snapshot of the shop, after some work.
func later(t *testing.T, client *clientv3.Client, secret string) string {
	t.Helper()
	put := func(key, value string) {
		t.Helper()
		if _, err := client.Put(t.Context(), key, value); err != nil {
			t.Fatal(err)
		}
	}
	put("/registry/deployments/shop/web", stored(t, `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop","uid":"u-deploy"},"spec":{"replicas":5,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:2"}]}}}}`))
	put("/registry/configmaps/shop/new\x1b[31m", stored(t, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new","namespace":"shop"}}`))
	put("/registry/events/shop/noise", stored(t, `{"apiVersion":"v1","kind":"Event","metadata":{"name":"noise","namespace":"shop"}}`))
	put("/registry/persistentvolumes/pv", stored(t, `{"apiVersion":"v1","kind":"PersistentVolume","metadata":{"name":"pv"}}`))
	put("/registry/secrets/shop/changed", secret)
	put("compact_rev_key", "8")
	if _, err := client.Delete(t.Context(), "/registry/example.com/widgets/shop/small"); err != nil {
		t.Fatal(err)
	}
	r, err := client.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "later.db")
	if err := os.WriteFile(file, b, 0o400); err != nil {
		t.Fatal(err)
	}
	return file
}

// belowHead is a page of diff without what is compared with what.
func belowHead(text string) string {
	_, rest, _ := strings.Cut(text, "\n\n")
	return rest
}

func TestDiff(t *testing.T) {
	t.Parallel()
	before, client := shop(t)
	// hush is a Secret, and the same with what is in it changed.
	hush := func(data string) string {
		return stored(t, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"changed","namespace":"shop"},"data":{"a":"`+data+`"}}`)
	}
	first := later(t, client, hush("b25l"))
	after := later(t, client, hush("dHdv"))
	names := func(args ...string) string { return run(t, append([]string{"diff", before, after}, args...)...).out }

	t.Run("names", func(t *testing.T) {
		want := "- configmaps/shop/new[31m\n~ deployments.apps/shop/web\n+ widgets.example.com/shop/small\n- persistentvolumes/pv\n- secrets/shop/changed\n"
		if got := names("-o", "name"); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
		if got := run(t, "diff", after, before, "-o", "name").out; got != strings.NewReplacer("- ", "+ ", "+ ", "- ").Replace(want) {
			t.Errorf("the other way round it is\n%s", got)
		}
		if got := names("-o", "name", "--all"); !strings.Contains(got, "- events/shop/noise\n") {
			t.Errorf("with --all\n%s", got)
		}
		if got := names("-o", "name", "deploy", "wd,cm", "-n", "shop"); strings.Count(got, "\n") != 3 {
			t.Errorf("of some resources\n%s", got)
		}
		if got := names("-o", "name", "-n", "elsewhere"); got != "" {
			t.Errorf("of another namespace\n%s", got)
		}
		if got := run(t, "diff", before, before); got.code != 0 || !strings.Contains(got.out, "No difference.") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("page", func(t *testing.T) {
		got := run(t, "diff", before, after)
		checkPage(t, strings.NewReplacer(before, "before.db", after, "after.db").Replace(got.out))
		rows := strings.Join(squeezed(got.out), "\n")
		for _, want := range []string{"deployments.apps - - 1", "widgets.example.com 1 - -", "persistentvolumes - 1 -", "note: 1 change of what changes all the time", "warning: 1 PersistentVolume: "} {
			if !strings.Contains(rows, want) {
				t.Errorf("no %q in\n%s", want, got.out)
			}
		}
		if got.code != 0 || strings.Contains(got.out, "\x1b") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("fields", func(t *testing.T) {
		got := names("-o", "diff", "deployments")
		for _, want := range []string{"~ deployments.apps/shop/web\n", "  - spec.replicas: 5\n  + spec.replicas: 2\n", `  - spec.template.spec.containers[web].image: "web:2"` + "\n" + `  + spec.template.spec.containers[web].image: "web:1"`} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
	})
	t.Run("secrets", func(t *testing.T) { // invariant I10
		got := run(t, "diff", first, after, "secrets", "-o", "diff")
		if !strings.Contains(got.out, "data.a: ***") || strings.Contains(got.out, "b25l") || strings.Contains(got.out, "dHdv") {
			t.Errorf("%+v", got)
		}
		got = run(t, "diff", first, after, "secrets", "-o", "diff", "--show-secrets")
		if !strings.Contains(got.out, `- data.a: "dHdv"`+"\n"+`  + data.a: "b25l"`) {
			t.Errorf("%+v", got)
		}
	})
	t.Run("encrypted", func(t *testing.T) {
		const at = "/registry/secrets/shop/changed"
		one, two := encryptiontest.NewKey("one", 32), encryptiontest.NewKey("two", 32)
		plain := hush("dHdv")
		anew := later(t, client, string(encryptiontest.Encrypt(t, "aesgcm", one, at, []byte(plain))))
		again := later(t, client, string(encryptiontest.Encrypt(t, "secretbox", two, at, []byte(plain))))
		other := later(t, client, string(encryptiontest.Encrypt(t, "secretbox", two, at, []byte(hush("b25l")))))
		config := filepath.Join(t.TempDir(), "config.yaml")
		text := encryptiontest.Config("secrets", encryptiontest.Provider("aesgcm", one), encryptiontest.Provider("secretbox", two), "identity: {}")
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2]string{{after, anew}, {anew, again}} {
			if got := run(t, "diff", pair[0], pair[1], "secrets", "-o", "name", "--encryption-provider-config", config); got.code != 0 || got.out != "" {
				t.Errorf("what was encrypted anew: %+v", got)
			}
			if got := run(t, "diff", pair[0], pair[1], "secrets", "-o", "name"); got.code != 0 || !strings.HasPrefix(got.out, "~ secrets/shop/changed (the object is encrypted") {
				t.Errorf("without keys: %+v", got)
			}
		}
		if got := run(t, "diff", anew, other, "secrets", "-o", "name", "--encryption-provider-config", config); got.out != "~ secrets/shop/changed\n" {
			t.Errorf("%+v", got)
		}
		// The same keys serve get.
		if got := run(t, "get", other, "secret/changed", "-n", "shop", "-o", "yaml", "--show-secrets", "--encryption-provider-config", config); got.code != 0 || !strings.Contains(got.out, "b25l") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("etcd", func(t *testing.T) {
		endpoint := client.Endpoints()[0]
		want := run(t, "diff", before, later(t, client, hush("b25l")), "-o", "diff").out
		if got := run(t, "diff", before, "--endpoints", "http://127.0.0.1:1,"+endpoint, "-o", "diff"); got.code != 0 || belowHead(got.out) != belowHead(want) || belowHead(want) == "" {
			t.Errorf("%+v, want\n%s", got, want)
		}
		if got := run(t, "diff", before, "--endpoints", "http://127.0.0.1:1"); got.code != 1 || !strings.Contains(got.err, "http://127.0.0.1:1") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("json", func(t *testing.T) {
		var report struct {
			Kind      string
			Noise     int
			Resources []struct {
				Resource                string
				Restore, Remove, Change int
			}
			Changes           []struct{ Op, Resource, Namespace, Name string }
			Warnings, Skipped []string
		}
		got := run(t, "diff", before, after, "-o", "json")
		if err := json.Unmarshal([]byte(got.out), &report); err != nil {
			t.Fatal(err)
		}
		if report.Kind != "Diff" || report.Noise != 1 || len(report.Changes) != 5 || len(report.Warnings) != 1 || report.Skipped == nil {
			t.Errorf("%s", got.out)
		}
	})
	t.Run("mistakes", func(t *testing.T) {
		garbage := filepath.Join(t.TempDir(), "garbage.db")
		if err := os.WriteFile(garbage, []byte(strings.Repeat("x", 9000)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			code int
			want string
			args []string
		}{
			{2, "SNAPSHOT is missing", nil},
			{2, "what to compare it with is missing", []string{before}},
			{2, "--output must be one of", []string{before, after, "-o", "wide"}},
			{2, "no such resource", []string{before, after, "unheard-of"}},
			{2, "exclude each other", []string{before, "--live", "--endpoints", "http://127.0.0.1:1"}},
			{5, "not an etcd snapshot", []string{before, garbage}},
			{5, "not an etcd snapshot", []string{garbage, after}},
			{1, "no such file", []string{before, after + "x"}},
			{1, "no kubeconfig", []string{before, "--live", "--kubeconfig", os.DevNull}},
		} {
			if got := run(t, append([]string{"diff"}, tc.args...)...); got.code != tc.code || got.out != "" || !strings.Contains(got.err, tc.want) {
				t.Errorf("%v: %+v", tc.args, got)
			}
		}
	})
}
