package snapshotx_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
)

// full is a standard output that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// A restore whose report is lost has restored all the same, and says so.
func TestReportIsLost(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "m")
	var errOut bytes.Buffer
	code := snapshotx.Run(t.Context(), snapshotx.Streams{In: strings.NewReader(""), Out: full{}, ErrOut: &errOut},
		[]string{"restore", kubernetesSnapshot(t), "--data-dir", dir})
	if code != 4 || !strings.Contains(errOut.String(), "restored ") || !strings.Contains(errOut.String(), "hint: ") {
		t.Errorf("exit code %d: %s", code, errOut.String())
	}
	f, err := snapshot.Open(datadir.DBPath(dir))
	if err != nil {
		t.Fatalf("what the message says was restored is not there: %v", err)
	}
	f.Close()
}

// Command lines for etcdctl and etcdutl work as they are.
func TestHabits(t *testing.T) {
	t.Parallel()
	file := synthetic(t)
	want := run(t, "status", file)
	succeeded(t, want)
	for _, args := range [][]string{
		{"snapshot", "status", file},
		{"snapshot", "status", file, "--timeout", "5s"},
		{"status", "--timeout=0", file},
	} {
		if got := run(t, args...); got.code != 0 || got.out != want.out {
			t.Errorf("%v: %+v, want %+v", args, got, want)
		}
	}
}
