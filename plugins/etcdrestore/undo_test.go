package etcdrestore_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What undo does is proved on a real cluster in test/e2e; this is what it does not begin.
func TestUndoMistakes(t *testing.T) {
	t.Parallel()
	snapshot, _ := shop(t)
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
		{2, "what is to be put back is missing", []string{snapshot}},
		{2, "--selector", []string{snapshot, "-l", "a in"}},
		{2, "no such resource", []string{snapshot, "unheard-of/x"}},
		{1, "not found: configmaps \"none\" in namespace shop", []string{snapshot, "cm/none", "-n", "shop"}},
		{2, "RESOURCE or RESOURCE/NAME expected", []string{snapshot, "secrets/"}},
		{1, "not found: configmaps \"none\" in namespace shop", []string{snapshot, "cm/shop/none"}},
		{5, "not an etcd snapshot", []string{garbage, "-n", "shop"}},
		{1, "no kubeconfig", []string{snapshot, "-n", "shop", "--kubeconfig", os.DevNull}},
		{1, "connection refused", []string{snapshot, "-n", "shop", "--server", "https://127.0.0.1:1"}},
	} {
		got := run(t, append([]string{"undo"}, tc.args...)...)
		if got.code != tc.code || got.out != "" || !strings.Contains(got.err, tc.want) || !strings.Contains(got.err, "hint") && tc.code == 1 && tc.want != "connection refused" {
			t.Errorf("%v: %+v", tc.args, got)
		}
	}
}
