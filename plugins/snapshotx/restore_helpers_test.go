package snapshotx_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/plugins/snapshotx"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := os.RemoveAll(command.dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// command is the real program, built once if any test needs a process.
var command struct {
	once sync.Once
	dir  string
	err  error
}

// theCommand returns the path of the program.
func theCommand(t *testing.T) string {
	t.Helper()
	command.once.Do(func() {
		if command.dir, command.err = os.MkdirTemp("", "etcdctl-snapshot-x-"); command.err != nil {
			return
		}
		build := exec.Command("go", "build", "-trimpath", "-o", command.dir, "../../cmd/etcdctl-snapshot-x")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		out, err := build.CombinedOutput()
		command.err = errors.Join(err, os.Chmod(command.dir, 0o755))
		if err != nil {
			command.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if command.err != nil {
		t.Fatal(command.err)
	}
	return filepath.Join(command.dir, "etcdctl-snapshot-x")
}

// kubernetesSnapshot is a small snapshot of a Kubernetes keyspace at revision 125
// whose one voter is m0.
func kubernetesSnapshot(t *testing.T) string {
	t.Helper()
	return fixtureFile(t, fixture.Options{Keys: 100, Bytes: 200_000})
}

func fixtureFile(t *testing.T, o fixture.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	if err := fixture.Write(path, o); err != nil {
		t.Fatal(err)
	}
	return path
}

// rewrite makes another snapshot from the one at path: edit changes a copy of
// its database, and a trailer is added if asked for.
func rewrite(t *testing.T, path string, trailer bool, edit func(*bbolt.Tx) error) string {
	t.Helper()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "rewritten.db")
	if err := os.WriteFile(out, whole[:len(whole)-sha256.Size], 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(out, 0o600, &bbolt.Options{NoFreelistSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(edit), db.Close()); err != nil {
		t.Fatal(err)
	}
	if trailer {
		seal(t, out)
	}
	return out
}

// seal adds the trailer that goes with the file.
func seal(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	if err := os.WriteFile(path, append(content, sum[:]...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// fingerprint is all that must not change of what lies at and below the paths:
// content, mode and time of every file and directory.
func fingerprint(t *testing.T, paths ...string) map[string]string {
	t.Helper()
	prints := map[string]string{}
	for _, path := range paths {
		err := filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := os.Lstat(path)
			if err != nil {
				return err
			}
			var content []byte
			if info.Mode().IsRegular() {
				if content, err = os.ReadFile(path); err != nil {
					return err
				}
			}
			prints[path] = fmt.Sprintf("%s %s %x", info.Mode(), info.ModTime(), sha256.Sum256(content))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return prints
}

// untouched checks at the end of the test that nothing at or below the paths was
// changed, added or removed (invariant I1).
func untouched(t *testing.T, paths ...string) {
	t.Helper()
	before := fingerprint(t, paths...)
	t.Cleanup(func() {
		if diff := cmp.Diff(before, fingerprint(t, paths...)); diff != "" {
			t.Errorf("changed:\n%s", diff)
		}
	})
}

// refused checks that a command line failed as it should: the exit code, one
// error that says what, and a hint.
func refused(t *testing.T, got transcript, code int, want string) {
	t.Helper()
	errorLines, hintLines := 0, 0
	for line := range strings.Lines(got.err) {
		if strings.HasPrefix(line, "error: ") {
			errorLines++
		}
		if strings.HasPrefix(line, "hint: ") {
			hintLines++
		}
	}
	if got.code != code || got.out != "" || errorLines != 1 || hintLines != 1 || !strings.Contains(got.err, want) {
		t.Errorf("want exit code %d, one error with %q and one hint: exit code %d\nstdout: %s\nstderr: %s",
			code, want, got.code, got.out, got.err)
	}
	if strings.Contains(got.err, "goroutine ") || strings.Contains(got.err, "panic") {
		t.Errorf("a stack trace: %s", got.err)
	}
}

// succeeded fails the test if the command line did not.
func succeeded(t *testing.T, got transcript) {
	t.Helper()
	if got.code != 0 || strings.Contains(got.err, "error: ") {
		t.Fatalf("%+v", got)
	}
}

// holds checks what a directory holds, by name.
func holds(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Error(err)
	}
	got := []string{}
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("%s does not hold what it should:\n%s", dir, diff)
	}
}

// planOf is what restore -w json says.
type planOf struct {
	DryRun   bool
	Snapshot struct {
		Path, SHA256, Trailer string
		Size                  int64
		Kubernetes            bool
	}
	ClusterID           string
	InitialClusterToken string
	Members             []struct {
		Name, ID, DataDir, WALDir string
		PeerURLs                  []string
		Learner                   bool
		Size                      int64
	}
	Revision struct {
		SnapshotRevision, HighestRevision, FirstRevision, Restored, Compacted int64
		Bump                                                                  uint64
		HighestFrom                                                           string
		Floor                                                                 bool
		Missing                                                               []string
	}
	Space []struct {
		Dir        string
		Need, Free int64
	}
	Notes []string
}

// restored runs restore with -w json, which must succeed.
func restored(t *testing.T, args ...string) planOf {
	t.Helper()
	got := run(t, append([]string{"restore", "-w", "json"}, args...)...)
	succeeded(t, got)
	var p planOf
	if err := json.Unmarshal([]byte(got.out), &p); err != nil {
		t.Fatalf("%v: %s", err, got.out)
	}
	return p
}

// runStdin is run with something to read.
func runStdin(ctx context.Context, stdin []byte, args ...string) transcript {
	var out, errOut bytes.Buffer
	code := snapshotx.Run(ctx, snapshotx.Streams{In: bytes.NewReader(stdin), Out: &out, ErrOut: &errOut}, args)
	return transcript{code, out.String(), errOut.String()}
}

// sameAs checks that nothing at or below path has changed since before.
func sameAs(t *testing.T, before map[string]string, path, when string) {
	t.Helper()
	if diff := cmp.Diff(before, fingerprint(t, path)); diff != "" {
		t.Errorf("%s, something is different:\n%s", when, diff)
	}
}
