package etcdrestore_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"sigs.k8s.io/yaml"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// I10: what a terminal obeys does not get there out of a snapshot in any form but those in
// which all bytes were asked for, and keeps no object from being shown.
func TestControls(t *testing.T) {
	t.Parallel()
	c := etcdtest.New(t, etcdtest.Config{Version: etcdtest.V37})
	c.Start(t)
	const name, value = "a\x1b[31m\u009b31m\nforged", "v\x1b\u009b\x7f\u0085"
	object, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": "shop"}, "data": map[string]any{"k": value},
	})
	must(t, err)
	client := c.Client(t)
	_, err = client.Put(t.Context(), "/registry/configmaps/shop/a", string(object))
	must(t, err)
	r, err := client.Snapshot(t.Context())
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	file := filepath.Join(t.TempDir(), "snapshot.db")
	must(t, os.WriteFile(file, b, 0o400))
	for _, args := range []string{
		"get cm/a", "get cm/a -o json", "get cm/a -o name", "get cm", "get cm -o json", "get cm -o name",
		"ls cm", "ls cm -o wide", "ls cm -o name", "ls cm -o json", "ls cm -o yaml",
	} {
		words := strings.Fields(args)
		got := run(t, append([]string{words[0], file}, words[1:]...)...)
		if got.code != 0 || strings.ContainsFunc(got.out, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || strings.Contains(got.out, "\nforged") {
			t.Errorf("%s: %d, %q, %s", args, got.code, got.out, got.err)
		}
	}
	for _, form := range []string{"yaml", "json"} {
		var o struct{ Data map[string]string }
		must(t, yaml.Unmarshal([]byte(run(t, "get", file, "cm/a", "-o", form).out), &o))
		if o.Data["k"] != value {
			t.Errorf("-o %s: %q", form, o.Data["k"])
		}
	}
}
