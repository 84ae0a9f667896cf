package etcdrestore

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/journal"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// sweep is node sweep, and what it says.
func (u *uploads) sweep(t *testing.T) (report sweepReport, err error) {
	t.Helper()
	var out bytes.Buffer
	if err := u.Run(t.Context(), transport.Command{Args: []string{"node", "sweep", "-o", "json"}, Stdout: &out}); err != nil {
		return report, err
	}
	must(t, json.Unmarshal(out.Bytes(), &report))
	return report, nil
}

// fill puts something of everything there.
func (u *uploads) fill(t *testing.T) {
	t.Helper()
	for _, path := range []string{
		"bin/" + f0 + "/kubectl-etcd_restore", "bin/" + f0 + "/kubectl-etcd_restore.123", "log/run.log", "log/run.lock",
		"uploads/" + f0 + ".db", "uploads/" + f0 + ".db.part",
	} {
		path = filepath.Join(u.dir, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte("12345"), 0o600))
	}
}

// TestSweep: all goes but for the runs.
func TestSweep(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	n.fill(t)
	elsewhere := t.TempDir()
	must(t, os.WriteFile(filepath.Join(elsewhere, "precious"), nil, 0o600))
	must(t, os.Symlink(elsewhere, filepath.Join(n.dir, "uploads", "link")))
	report, err := n.sweep(t)
	must(t, err)
	if report.Bytes != 30 || len(report.Removed) != 12 {
		t.Errorf("%+v", report)
	}
	if _, err := os.Stat(n.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", n.dir, err)
	}
	if _, err := os.Stat(filepath.Join(elsewhere, "precious")); err != nil {
		t.Error(err)
	}
	if report, err := n.sweep(t); err != nil || len(report.Removed) != 0 {
		t.Errorf("another time: %+v, %v", report, err)
	}
}

// TestSweepRefuses: nothing goes while anybody needs it.
func TestSweepRefuses(t *testing.T) {
	t.Parallel()
	for name, occupy := range map[string]func(t *testing.T, n *uploads) (free func()){
		"a process at work": func(t *testing.T, n *uploads) func() {
			folder, err := journal.Open(n.dir, journal.Options{})
			must(t, err)
			return folder.Close
		},
		"an unfinished run": func(t *testing.T, n *uploads) func() {
			folder, err := journal.Open(n.dir, journal.Options{})
			must(t, err)
			run, err := folder.Create([]byte("{}"))
			must(t, err)
			run.Close()
			folder.Close()
			return func() { must(t, os.RemoveAll(filepath.Join(n.dir, run.Name))) }
		},
		"an upload": func(t *testing.T, n *uploads) func() {
			_, letGo := waiting(t, n.dir)
			return letGo
		},
		"a job": func(t *testing.T, n *uploads) func() {
			other := newUploads(t) // whose lock is not in the way
			args, letGo := waiting(t, other.dir)
			n.leave(t, "job", args)
			return func() { letGo(); n.waitForEnd(t, "job") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newUploads(t)
			n.fill(t)
			free := occupy(t, n)
			_, err := n.sweep(t)
			var exit *transport.ExitError
			if !errors.As(err, &exit) || exit.Code != 6 {
				t.Errorf("error %v", err)
			}
			if _, err := os.Stat(filepath.Join(n.dir, "uploads", f0+".db")); err != nil {
				t.Error(err)
			}
			free()
			_, err = n.sweep(t)
			must(t, err)
		})
	}
}
