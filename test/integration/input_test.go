package integration

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// TestSameDatabaseFromAnyInput restores a snapshot from a file, a compressed
// file and standard input.
func TestSameDatabaseFromAnyInput(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string][]string{
		"as it is": noBump(),
		"bump":     {"--bump-revision", "1000", "--mark-compacted", "--target-version", "3.5"},
		"compact":  {"--bump-revision", "1000", "--mark-compacted", "--compact"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sourceOf(t, etcdtest.V37)
			content, err := os.ReadFile(s.file)
			if err != nil {
				t.Fatal(err)
			}
			packed := compress(t, content)
			packedFile := filepath.Join(t.TempDir(), "snap.db.zst")
			if err := os.WriteFile(packedFile, packed, 0o400); err != nil {
				t.Fatal(err)
			}
			var want []byte
			for _, input := range []struct {
				name, file string
				in         io.Reader
			}{
				{"file", s.file, nil},
				{"zst", packedFile, nil},
				{"stdin", "-", bytes.NewReader(content)},
				{"zst on stdin", "-", bytes.NewReader(packed)},
			} {
				dir := filepath.Join(t.TempDir(), "m1.etcd")
				p := restore(t, input.in, append([]string{input.file, "--data-dir", dir, "--initial-cluster-token", "x"}, flags...)...)
				got, err := os.ReadFile(filepath.Join(dir, "member", "snap", "db"))
				if err != nil {
					t.Fatal(err)
				}
				if want == nil {
					want = got
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s: the db is not that from the file", input.name)
				}
				if p.Snapshot.Trailer != "matched" || p.Members[0].Size != int64(len(got)) {
					t.Errorf("%s: the result says trailer %q and %d bytes, the db has %d", input.name, p.Snapshot.Trailer, p.Members[0].Size, len(got))
				}
			}
			after, err := os.ReadFile(s.file)
			if err != nil || !bytes.Equal(after, content) {
				t.Errorf("the snapshot was changed (invariant I1): %v", err)
			}
		})
	}
}

// TestDamagedStream is what a pipe from a broken download is: nothing may come of it.
func TestDamagedStream(t *testing.T) {
	t.Parallel()
	s := sourceOf(t, etcdtest.V37)
	content, err := os.ReadFile(s.file)
	if err != nil {
		t.Fatal(err)
	}
	packed := compress(t, content)
	for name, in := range map[string][]byte{
		"short": content[:len(content)-512], "short zst": packed[:len(packed)-100], "empty": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			got := command(t.Context(), bytes.NewReader(in), "restore", "-", "--data-dir", filepath.Join(dir, "m1.etcd"))
			if got.code != 5 || !strings.HasPrefix(got.err, "error: ") || !strings.Contains(got.err, "hint: ") {
				t.Errorf("%+v", got)
			}
			if left := filesIn(t, dir); len(left) > 0 {
				t.Errorf("it left %q", left)
			}
		})
	}
}

func compress(t *testing.T, content []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(content, nil)
}
