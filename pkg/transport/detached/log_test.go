package detached_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport/detached"
)

func TestLastWords(t *testing.T) {
	t.Parallel()
	const begins, ended = "== 2026-11-26T12:00:00Z begins: \"node run\"\n", "== 2026-11-26T12:00:01Z has ended: refused (exit code 6)\n"
	for name, tc := range map[string]struct{ log, want string }{
		"an error":            {begins + "some words\nerror: another process is at work\nhint: wait for it\n" + ended, "another process is at work"},
		"of several lines":    {begins + "error: refused\n  Disk: full\n" + ended, "refused\n  Disk: full"},
		"no error":            {begins + "one\ntwo\n\n" + ended, "two"},
		"killed":              {begins + "one\n", "one"},
		"of an earlier one":   {begins + "error: old\n" + ended + begins + ended, ""},
		"nothing":             {begins, ""},
		"there was never any": {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join(t.TempDir(), "log")
			if _, err := detached.Running(folder, "job"); err != nil { // makes the folder
				t.Fatal(err)
			}
			if tc.log != "" {
				if err := os.WriteFile(filepath.Join(folder, "job.log"), []byte(tc.log), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got, err := detached.LastWords(folder, "job")
			if err != nil || got != tc.want {
				t.Errorf("%q, %v, want %q", got, err, tc.want)
			}
		})
	}
}
