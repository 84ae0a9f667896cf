//go:build e2e

package e2e

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/etcd-restore/etcd-restore/test/e2e/lab"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func requireEqual[T any](t *testing.T, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s, -want +got\n%s", what, diff)
	}
}

// The exit codes of the plugin.
const (
	done       = 0
	usage      = 2
	rolledBack = 3
	stuck      = 4
	refused    = 6
)

// requireCode ends the test unless a command ended with the code.
func requireCode(t *testing.T, want int, r lab.Result) {
	t.Helper()
	if r.Code != want {
		t.Fatalf("ended with %d, want %d\n%s%s", r.Code, want, r.Stdout, r.Stderr)
	}
}
