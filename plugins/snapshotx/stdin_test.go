package snapshotx_test

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
)

// TestSilentStdin interrupts verbs that wait for a snapshot which never comes.
func TestSilentStdin(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"status", "verify", "hashkv"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			silent, never := io.Pipe()
			defer never.Close()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			var out, errOut bytes.Buffer
			code := snapshotx.Run(ctx, snapshotx.Streams{In: silent, Out: &out, ErrOut: &errOut}, []string{verb, "-"})
			if code != 130 {
				t.Errorf("exit code %d, want 130; stderr: %s", code, errOut.String())
			}
		})
	}
}
