package snapshotx_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.etcd.io/bbolt"

	"github.com/etcd-restore/etcd-restore/pkg/schema"
)

// hostile is a file that must not be restored. The input is untouched (invariant
// I1), the target stays absent and nothing is left beside it (I2).
type hostile struct {
	make func(t *testing.T, path string) // path does not exist; "" is refused too
	args []string
	code int
	want string
}

func (h hostile) run(t *testing.T) {
	t.Parallel()
	inputs, targets := t.TempDir(), t.TempDir()
	file := filepath.Join(inputs, "snapshot.db")
	h.make(t, file)
	if info, err := os.Lstat(file); err == nil && info.Mode()&os.ModeNamedPipe == 0 {
		untouched(t, inputs)
	}
	args := append([]string{"restore", file, "--data-dir", filepath.Join(targets, "m.etcd")}, h.args...)
	refused(t, run(t, args...), h.code, h.want)
	holds(t, targets)
}

func content(bytes ...byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		if err := os.WriteFile(path, bytes, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func garbage(size int) func(*testing.T, string) {
	random := rand.New(rand.NewPCG(1, uint64(size)))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return content(b...)
}

func TestRestoreRefusesWhatIsNoSnapshot(t *testing.T) {
	t.Parallel()
	skip := []string{"--skip-hash-check"}
	for name, h := range map[string]hostile{
		"missing":                 {func(*testing.T, string) {}, nil, 1, "no such file"},
		"empty":                   {content(), nil, 5, "is empty"},
		"empty, unhashed":         {content(), skip, 5, "is empty"},
		"directory":               {func(t *testing.T, p string) { mkdirAll(t, p) }, nil, 5, "is a directory"},
		"FIFO":                    {func(t *testing.T, p string) { fifo(t, p) }, skip, 5, "not a regular file"},
		"garbage":                 {garbage(100_001), nil, 5, "not an etcd snapshot"},
		"garbage, one page":       {garbage(4096), nil, 5, "not an etcd snapshot"},
		"garbage, plausible size": {garbage(1<<20 + 32), nil, 5, "not an etcd snapshot"},
		"garbage, unhashed":       {garbage(1 << 20), skip, 5, "not an etcd snapshot"},
		"garbage, both":           {garbage(1<<20 + 32), skip, 5, "not an etcd snapshot"},
		"only a trailer":          {garbage(32), skip, 5, "not an etcd snapshot"},
		"zstd of nothing":         {compressed(nil), nil, 5, "is empty"},
		"zstd magic and garbage":  {content(append([]byte("\x28\xb5\x2f\xfd"), bytes.Repeat([]byte{0xff}, 5000)...)...), nil, 5, "zstd"},
		"somebody else's bbolt":   {strangersBolt(true), nil, 5, "not an etcd snapshot"},
		"stranger's, unhashed":    {strangersBolt(false), skip, 5, "no database of etcd"},
		"stranger's, compacted":   {strangersBolt(true), []string{"--compact"}, 5, "not an etcd snapshot"},
	} {
		t.Run(name, h.run)
	}
}

func TestRestoreRefusesTruncated(t *testing.T) {
	t.Parallel()
	whole := read(t, kubernetesSnapshot(t))
	n := len(whole)
	for _, size := range []int{1, 31, 32, 33, 511, 512, 4095, 4096, 4128, 8191, 8192, 8224, n / 2, n/2&^4095 + 32, n - 4096, n - 4097, n - 33, n - 1} {
		for _, args := range [][]string{nil, {"--skip-hash-check"}, {"--skip-hash-check", "--compact"}} {
			if size > n-32 && args != nil {
				continue // the database is whole
			}
			t.Run(fmt.Sprint(size, args), hostile{content(whole[:size]...), args, 5, ""}.run)
		}
	}
	t.Run("the trailer alone", hostile{content(whole[:n-32]...), nil, 5, "no SHA-256 trailer"}.run)
}

// With a trailer a flipped bit is found wherever it is.
func TestRestoreRefusesFlippedBits(t *testing.T) {
	t.Parallel()
	whole := read(t, kubernetesSnapshot(t))
	random := rand.New(rand.NewPCG(3, 5))
	places := []int{0, 16, 24, 40, 80, 4096 + 16, 4096 + 72, len(whole) - 33, len(whole) - 32, len(whole) - 1}
	for range 40 {
		places = append(places, random.IntN(len(whole)))
	}
	for i, at := range places {
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1 << (at % 8)
		for _, args := range [][]string{nil, {"--skip-hash-check"}, {"--compact"}} {
			t.Run(fmt.Sprintf("%d %d %v", i, at, args), hostile{content(flipped...), args, 5, ""}.run)
		}
	}
}

func TestRestoreRefusesMalformedRevisions(t *testing.T) {
	t.Parallel()
	base := kubernetesSnapshot(t)
	good := schema.Revision{Main: 1 << 40}.Key()
	for name, key := range map[string][]byte{
		"negative":       binary.BigEndian.AppendUint64(append(binary.BigEndian.AppendUint64(nil, 1<<63+5), '_'), 0),
		"negative sub":   binary.BigEndian.AppendUint64(append(binary.BigEndian.AppendUint64(nil, 1<<40), '_'), 1<<63),
		"short":          good[:9],
		"long":           append(bytes.Clone(good), "tombstone"...),
		"no underscore":  append(append(bytes.Clone(good[:8]), '-'), good[9:]...),
		"bad tombstone":  append(bytes.Clone(good), 'x'),
		"a name":         []byte("\xffhello"),
		"2^63-1":         schema.Revision{Main: 1<<63 - 1}.Key(),
		"above headroom": schema.Revision{Main: 1<<62 + 1}.Key(),
	} {
		for _, trailer := range []bool{true, false} {
			for _, extra := range []string{"", "--compact"} {
				h := hostile{args: strings.Fields(extra), code: 5, want: "revision"}
				if !trailer {
					h.args = append(h.args, "--skip-hash-check")
				}
				if name == "2^63-1" || name == "above headroom" {
					h.code = 6 // well formed, but nothing can be written above it
				}
				h.make = func(t *testing.T, path string) {
					made := rewrite(t, base, trailer, func(tx *bbolt.Tx) error {
						return tx.Bucket([]byte(schema.KeyBucket)).Put(key, []byte{})
					})
					content(read(t, made)...)(t, path)
				}
				t.Run(fmt.Sprint(name, ", trailer ", trailer, extra), h.run)
			}
		}
	}
}

// zstd input gives the same database as the plain one; a cut or changed one is refused.
func TestRestoreCompressed(t *testing.T) {
	t.Parallel()
	plain := kubernetesSnapshot(t)
	whole := read(t, plain)
	packed := filepath.Join(t.TempDir(), "snapshot.db.zst")
	compressed(whole)(t, packed)
	zst := read(t, packed)
	untouched(t, plain, packed)

	dir := t.TempDir()
	args := []string{"--initial-cluster-token", "t", "--bump-revision", "5", "--mark-compacted"}
	a, b, c := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	restored(t, append([]string{plain, "--data-dir", a}, args...)...)
	restored(t, append([]string{packed, "--data-dir", b}, args...)...)
	got := runStdin(t.Context(), zst, append([]string{"restore", "-", "--data-dir", c}, args...)...)
	succeeded(t, got)
	for _, other := range []string{b, c} {
		if !bytes.Equal(read(t, filepath.Join(a, "member/snap/db")), read(t, filepath.Join(other, "member/snap/db"))) {
			t.Errorf("the db in %s is another than that of the plain snapshot", other)
		}
	}
	for _, n := range []int{5, 20, len(zst) / 2, len(zst) - 1} {
		t.Run(fmt.Sprint("cut to ", n), hostile{content(zst[:n]...), nil, 5, ""}.run)
		t.Run(fmt.Sprint("cut to ", n, ", compact"), hostile{content(zst[:n]...), []string{"--compact"}, 5, ""}.run)
	}
	for _, at := range []int{10, len(zst) / 3, len(zst) - 3} {
		flipped := bytes.Clone(zst)
		flipped[at] ^= 4
		t.Run(fmt.Sprint("flipped at ", at), hostile{content(flipped...), nil, 5, ""}.run)
	}
}

func TestRestoreStdin(t *testing.T) {
	t.Parallel()
	whole := read(t, kubernetesSnapshot(t))
	for name, tc := range map[string]struct {
		stdin []byte
		args  []string
		code  int
	}{
		"whole":           {whole, nil, 0},
		"whole, compact":  {whole, []string{"--compact"}, 0},
		"closed at once":  {nil, nil, 5},
		"closed early":    {whole[:len(whole)/2], nil, 5},
		"early, compact":  {whole[:len(whole)/2], []string{"--compact"}, 5},
		"early, unhashed": {whole[:4096*10], []string{"--skip-hash-check"}, 5},
		"without trailer": {whole[:len(whole)-32], nil, 5},
		"unhashed":        {whole[:len(whole)-32], []string{"--skip-hash-check"}, 0},
		"dry run":         {whole, []string{"--dry-run"}, 2},
		"one of three":    {whole, []string{"--name", "m1", "--initial-cluster", initialCluster3}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append([]string{"restore", "-", "--data-dir", filepath.Join(dir, "m")}, tc.args...)
			got := runStdin(t.Context(), tc.stdin, args...)
			if tc.code == 0 {
				succeeded(t, got)
				holds(t, dir, "m")
				return
			}
			refused(t, got, tc.code, "")
			holds(t, dir)
		})
	}
}

// A snapshot that somebody still writes is refused, or restored as it was at one
// moment, whatever that moment is: here, at every call that could notice.
func TestRestoreOfASnapshotBeingWritten(t *testing.T) {
	t.Parallel()
	whole := read(t, kubernetesSnapshot(t))
	file := filepath.Join(t.TempDir(), "snapshot.db")
	content(whole[:4096]...)(t, file)
	done := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			done <- err
			return
		}
		defer f.Close()
		for rest := range slices.Chunk(whole[4096:], 997) {
			if _, err := f.Write(rest); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	written := false
	for n := 0; !written; n++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			written = true
		default:
		}
		dir := t.TempDir()
		got := run(t, "restore", file, "--skip-hash-check", "--data-dir", filepath.Join(dir, "m"))
		if got.code != 0 {
			refused(t, got, 5, "")
			holds(t, dir)
		}
		if written && got.code != 0 {
			t.Errorf("once it is written: %+v", got)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mkdirAll(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
}

func fifo(t *testing.T, path string) {
	t.Helper()
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func compressed(plain []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		var out bytes.Buffer
		w, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(w, bytes.NewReader(plain)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		content(out.Bytes()...)(t, path)
	}
}

// strangersBolt is a whole database of a program that is not etcd.
func strangersBolt(trailer bool) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		t.Helper()
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucket([]byte("containers"))
			if err != nil {
				return err
			}
			return b.Put([]byte("name"), []byte("value"))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if trailer {
			seal(t, path)
		}
	}
}
