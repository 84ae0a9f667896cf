package snapshotx_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// startMember runs one member with a few keys.
func startMember(t *testing.T, cfg etcdtest.Config) *etcdtest.Cluster {
	t.Helper()
	c := etcdtest.New(t, cfg)
	c.Start(t)
	for _, key := range []string{"a", "b", "a"} {
		if _, err := c.Client(t).Put(t.Context(), key, strings.Repeat("v", 5000)); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// The hash, revision, keys and size that save prints are those of etcdutl's
// status of the saved file.
func TestSaveReportsWhatEtcdutlSees(t *testing.T) {
	t.Parallel()
	for _, v := range etcdtest.Servers() {
		t.Run("etcd"+string(v), func(t *testing.T) {
			t.Parallel()
			endpoint := startMember(t, etcdtest.Config{Version: v}).Endpoints()[0]
			file := filepath.Join(t.TempDir(), "s.db")
			got := run(t, "save", file, "--endpoints", endpoint, "-w", "json")
			if got.code != 0 {
				t.Fatalf("%+v", got)
			}
			theirs, err := exec.CommandContext(t.Context(), etcdtest.Binary(t, etcdtest.V37, "etcdutl"),
				"snapshot", "status", file, "-w", "json").Output()
			if err != nil {
				t.Fatal(err)
			}
			type status struct {
				Hash, Revision, TotalKey, TotalSize int64
				Version                             string
			}
			var ours, want status
			if err := json.Unmarshal([]byte(got.out), &ours); err != nil {
				t.Fatalf("%v: %s", err, got.out)
			}
			if err := json.Unmarshal(theirs, &want); err != nil {
				t.Fatalf("%v: %s", err, theirs)
			}
			if ours != want || ours.Revision != 4 || ours.TotalKey != 2 {
				t.Errorf("save says %+v, etcdutl %+v", ours, want)
			}
		})
	}
}

func TestSaveForms(t *testing.T) {
	t.Parallel()
	endpoint := startMember(t, etcdtest.Config{Version: etcdtest.V37}).Endpoints()[0]
	file := filepath.Join(t.TempDir(), "s.db")
	for form, wants := range map[string][]string{
		"simple": {"Snapshot saved at " + file + "\n", "revision 4, 2 keys", "sha256 ", endpoint},
		"table":  {"│ REVISION │", "4 │\n"},
		"fields": {"\"Revision\" : 4\n", "\"Keys\" : 2\n", "\"Endpoint\" : " + endpoint + "\n"},
	} {
		got := run(t, "save", file, "--force", "--endpoints", endpoint, "-w", form)
		if got.code != 0 || got.err != "" {
			t.Errorf("%s: %+v", form, got)
		}
		for _, want := range wants {
			if !strings.Contains(got.out, want) {
				t.Errorf("%s: lacks %q:\n%s", form, want, got.out)
			}
		}
	}
}

func TestSaveExitCodes(t *testing.T) {
	t.Parallel()
	cluster := startMember(t, etcdtest.Config{Version: etcdtest.V37})
	endpoint := cluster.Endpoints()[0]
	learner := cluster.AddLearner(t).ClientURL
	stranger := startMember(t, etcdtest.Config{Version: etcdtest.V37, Token: "stranger"}).Endpoints()[0]
	dir := t.TempDir()
	old := []byte("yesterday's only backup")
	if err := os.WriteFile(filepath.Join(dir, "old.db"), old, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		file, endpoints string
		code            int
		want            string
	}{
		"a file that exists": {"old.db", endpoint, 6, "--force"},
		"a directory":        {".", endpoint, 2, "directory"},
		"a missing parent":   {"no/s.db", endpoint, 2, "mkdir -p"},
		"a learner":          {"s.db", learner, 6, "voting member"},
		"two clusters":       {"s.db", endpoint + "," + stranger, 6, "different clusters"},
		"nobody there":       {"s.db", "127.0.0.1:1", 1, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t, "save", filepath.Join(dir, tc.file), "--endpoints", tc.endpoints)
			if got.code != tc.code || !strings.Contains(got.err, tc.want) || !strings.Contains(got.err, "hint: ") {
				t.Errorf("want exit code %d and %q: %+v", tc.code, tc.want, got)
			}
		})
	}
	t.Cleanup(func() { // after the parallel ones
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("left behind: %v (%v)", entries, err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "old.db")); err != nil || !bytes.Equal(got, old) {
			t.Errorf("the old file is %q now (%v)", got, err)
		}
	})
}

func TestSaveWarnsOfTheSilent(t *testing.T) {
	t.Parallel()
	endpoint := startMember(t, etcdtest.Config{Version: etcdtest.V37}).Endpoints()[0]
	file := filepath.Join(t.TempDir(), "s.db")
	got := run(t, "save", file, "--endpoints", "127.0.0.1:1,"+endpoint)
	if got.code != 0 || !strings.Contains(got.err, "warning: not asked: 127.0.0.1:1") {
		t.Errorf("%+v", got)
	}
}

func TestInterruptedSave(t *testing.T) {
	t.Parallel()
	endpoint := startMember(t, etcdtest.Config{Version: etcdtest.V37}).Endpoints()[0]
	dir := t.TempDir()
	ctx, interrupt := context.WithCancel(t.Context())
	// The warning is printed after the choice of a member and before the stream.
	got := runWith(ctx, func(string) { interrupt() },
		"save", filepath.Join(dir, "s.db"), "--endpoints", "127.0.0.1:1,"+endpoint)
	if got.code != 130 || !strings.Contains(got.err, "error: interrupted") {
		t.Errorf("%+v", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}

func TestSaveWithCertificates(t *testing.T) {
	t.Parallel()
	certs := etcdtest.NewTLS(t)
	endpoint := startMember(t, etcdtest.Config{Version: etcdtest.V37, TLS: certs}).Endpoints()[0]
	dir := t.TempDir()
	got := run(t, "save", filepath.Join(dir, "s.db"), "--endpoints", endpoint,
		"--cacert", certs.CA(), "--cert", certs.Cert("client"), "--key", certs.Key("client"))
	if got.code != 0 {
		t.Errorf("%+v", got)
	}
	got = run(t, "save", filepath.Join(dir, "t.db"), "--endpoints", endpoint, "--cacert", certs.CA())
	if got.code != 1 || !strings.Contains(got.err, "hint: give a client certificate") {
		t.Errorf("without a client certificate: %+v", got)
	}
}

// A small file system of its own, too small for the snapshot.
func TestSaveToAFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIP full disk: needs root to mount a tmpfs")
	}
	t.Parallel()
	endpoint := startMember(t, etcdtest.Config{Version: etcdtest.V37}).Endpoints()[0]
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=16k"); err != nil {
		t.Skipf("SKIP full disk: mount: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	got := run(t, "save", filepath.Join(dir, "s.db"), "--endpoints", endpoint)
	if got.code != 6 || !strings.Contains(got.err, "not enough space") {
		t.Errorf("%+v", got)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left behind: %v (%v)", entries, err)
	}
}
