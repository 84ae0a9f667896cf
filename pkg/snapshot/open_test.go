package snapshot_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/etcd-restore/etcd-restore/pkg/keyspace"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// explained demands that err is of the given kind, names the file and says what
// to do.
func explained(t *testing.T, err, want error, path string) {
	t.Helper()
	var hint interface{ Hint() string }
	switch {
	case !errors.Is(err, want):
		t.Errorf("%v, want %v", err, want)
	case !strings.Contains(err.Error(), path):
		t.Errorf("%v: does not mention %s", err, path)
	case !errors.As(err, &hint) || hint.Hint() == "":
		t.Errorf("%v: no hint", err)
	}
}

func compressed(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	sound := small(t)
	le := binary.LittleEndian
	withMeta := func(change func(meta []byte)) []byte {
		b := slices.Clone(sound)
		for slot := range 2 {
			change(b[slot*4096:])
		}
		return b
	}
	// A sound frame of one raw block, but for its window of 128 MiB.
	hugeWindow := []byte("\x28\xB5\x2F\xFD\x00\x88\x41\x00\x00garbage ")
	for name, tc := range map[string]struct {
		content []byte
		want    error
	}{
		"empty":                       {nil, snapshot.ErrNotSnapshot},
		"one byte":                    {[]byte{0}, snapshot.ErrNotSnapshot},
		"a trailer alone":             {sound[len(sound)-32:], snapshot.ErrNotSnapshot},
		"garbage":                     {bytes.Repeat([]byte("garbage"), 1000), snapshot.ErrNotSnapshot},
		"garbage of 4 pages":          {bytes.Repeat([]byte("garbage "), 2048), snapshot.ErrNotSnapshot},
		"garbage with room for a sum": {append(bytes.Repeat([]byte("garbage "), 2048), make([]byte, 32)...), snapshot.ErrNotSnapshot},
		"zeros":                       {make([]byte, 1<<20), snapshot.ErrNotSnapshot},
		"one page":                    {sound[:4096], snapshot.ErrCorrupt},
		"half of it":                  {sound[:len(sound)/2], snapshot.ErrCorrupt},
		"meta pages without checksum": {withMeta(func(m []byte) { m[79] ^= 1 }), snapshot.ErrNotSnapshot},
		"page size 8192":              {withMeta(func(m []byte) { le.PutUint32(m[24:], 8192) }), snapshot.ErrNotSnapshot},
		"zstd of garbage":             {compressed(t, bytes.Repeat([]byte("garbage "), 2048)), snapshot.ErrNotSnapshot},
		"zstd of nothing":             {compressed(t, nil), snapshot.ErrNotSnapshot},
		"zstd cut":                    {compressed(t, sound)[:30_000], snapshot.ErrCorrupt},
		"zstd magic alone":            {[]byte("\x28\xb5\x2f\xfd"), snapshot.ErrCorrupt},
		"zstd and then garbage":       {append(compressed(t, sound), "garbage"...), snapshot.ErrCorrupt},
		"zstd with a huge window":     {hugeWindow, snapshot.ErrNotSnapshot},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tc.content)
			unchanged(t, path)
			_, err := snapshot.Open(path)
			explained(t, err, tc.want, path)
			if s, err := snapshot.OpenStream(path); err == nil {
				s.Close()
			}
			_, err = snapshot.Spool("standard input", bytes.NewReader(tc.content))
			explained(t, err, tc.want, "standard input")
		})
	}
}

// TestOpenSpecialFiles must neither hang nor read what is no file.
func TestOpenSpecialFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mknod(socket, syscall.S_IFSOCK|0o600, 0); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		dir:                                   snapshot.ErrNotSnapshot,
		fifo:                                  snapshot.ErrNotSnapshot,
		socket:                                snapshot.ErrNotSnapshot,
		"/dev/null":                           snapshot.ErrNotSnapshot,
		"/dev/zero":                           snapshot.ErrNotSnapshot,
		loop:                                  syscall.ELOOP,
		filepath.Join(dir, "none"):            fs.ErrNotExist,
		filepath.Join(file, "x"):              syscall.ENOTDIR,
		filepath.Join(dir, "none", "none.db"): fs.ErrNotExist,
	} {
		done := make(chan error, 2)
		go func() {
			_, err := snapshot.Open(path)
			done <- err
			_, err = snapshot.OpenStream(path)
			done <- err
		}()
		for range 2 {
			select {
			case err := <-done:
				explained(t, err, want, path)
			case <-time.After(20 * time.Second):
				t.Fatalf("%s: hangs", path)
			}
		}
	}
}

// TestOpenWithoutWritePermission reads a file with mode 0444 in a directory with
// mode 0555, and not one with mode 0. As root it takes another user for it.
func TestOpenWithoutWritePermission(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "snapshot-test-") // t.TempDir lies in a directory that others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(os.Chmod(dir, 0o700), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	readable, secret := filepath.Join(dir, "readable"), filepath.Join(dir, "secret")
	for path, mode := range map[string]os.FileMode{readable: 0o444, secret: 0} {
		if err := os.WriteFile(path, small(t), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	asNobody(t, func() {
		if _, err := os.Create(filepath.Join(dir, "new")); err == nil {
			t.Error("the directory can be written to: the test proves nothing")
		}
		if report := verify(t, readable); report == nil || !report.OK() {
			t.Errorf("mode 0444: %+v", report)
		}
		_, err := snapshot.Open(secret)
		explained(t, err, fs.ErrPermission, secret)
	})
}

func TestOpenBySymlink(t *testing.T) {
	t.Parallel()
	path := write(t, small(t))
	link := filepath.Join(t.TempDir(), "a name with spaces")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	unchanged(t, path)
	if report := verify(t, link); report == nil || !report.OK() {
		t.Errorf("%+v", report)
	}
}

// TestOlderMeta: with one of two meta pages broken, bbolt opens the state before
// the last commit; status shows that one, and verify forbids to restore it.
func TestOlderMeta(t *testing.T) {
	t.Parallel()
	for slot := range 2 {
		b := cut(small(t))
		b[slot*4096+16] ^= 0xFF
		path := write(t, seal(b))
		if _, err := open(t, path).ReadStatus(t.Context(), snapshot.StatusOptions{}); err != nil {
			t.Errorf("meta page %d: %v", slot, err)
		}
		report := verify(t, path)
		if report == nil || report.OK() || report.Trailer != snapshot.TrailerMatched || report.Findings[0].Where != "meta" {
			t.Errorf("meta page %d: %+v", slot, report)
		}
	}
}

// TestCompressed reads a snapshot that is compressed, or comes from a pipe, the
// same as the file itself.
func TestCompressed(t *testing.T) {
	t.Parallel()
	sound := small(t)
	want := facts(t, open(t, write(t, sound)))
	twoFrames := append(compressed(t, sound[:50_000]), compressed(t, sound[50_000:])...)
	for name, b := range map[string][]byte{"raw": sound, "zstd": compressed(t, sound), "zstd in two frames": twoFrames} {
		if name != "raw" {
			path := write(t, b)
			unchanged(t, path)
			if got := facts(t, open(t, path)); got != want {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
		r, w := io.Pipe()
		go func() {
			_, err := io.Copy(w, slowReader{bytes.NewReader(b)})
			w.CloseWithError(err)
		}()
		f, err := snapshot.Spool("standard input", r)
		if err != nil {
			t.Fatalf("%s from a pipe: %v", name, err)
		}
		if got := facts(t, f); got != want || f.Name() != "standard input" {
			t.Errorf("%s from a pipe: %+v, want %+v", name, got, want)
		}
		f.Close()
	}
}

// slowReader hands out little at a time.
type slowReader struct{ r io.Reader }

func (r slowReader) Read(p []byte) (int, error) { return r.r.Read(p[:min(len(p), 1009)]) }

type summary struct {
	hash     uint32
	sha256   string
	trailer  snapshot.Trailer
	keyspace keyspace.Hash
}

func facts(t *testing.T, f *snapshot.File) summary {
	t.Helper()
	st, err := f.ReadStatus(t.Context(), snapshot.StatusOptions{Digest: true})
	if err != nil {
		t.Fatal(err)
	}
	h, err := f.HashKV(t.Context(), 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return summary{st.Hash, st.SHA256, st.Trailer, h}
}

// TestHugeWindowSaysSo: such a file is not damaged, and the hint helps.
func TestHugeWindowSaysSo(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(small(t)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Flush(), w.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = snapshot.Open(write(t, b.Bytes()))
	hint := (interface{ Hint() string })(nil)
	if errors.Is(err, snapshot.ErrCorrupt) || !errors.As(err, &hint) || !strings.Contains(hint.Hint(), "decompress it first") {
		t.Errorf("%v, hint %v", err, hint)
	}
}

func TestSpoolOfABrokenStream(t *testing.T) {
	t.Parallel()
	broken := errors.New("the pipe broke")
	for _, b := range [][]byte{small(t)[:70_000], compressed(t, small(t))[:30_000], nil} {
		_, err := snapshot.Spool("standard input", io.MultiReader(bytes.NewReader(b), failing{broken}))
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), "standard input") {
			t.Errorf("after %d bytes: %v", len(b), err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestChangedWhileRead writes to the file between the look at it and the end of
// the pass over it.
func TestChangedWhileRead(t *testing.T) {
	t.Parallel()
	sound := small(t)
	for name, change := range map[string]func(path string) error{
		"grows":  func(path string) error { return appendTo(path, make([]byte, 4096)) },
		"is cut": func(path string) error { return os.Truncate(path, 8192) },
		"is overwritten": func(path string) error {
			if err := os.WriteFile(path, sound, 0o600); err != nil {
				return err
			}
			later := time.Now().Add(time.Minute) // whatever the resolution of its clock
			return os.Chtimes(path, later, later)
		},
	} {
		for verb, read := range map[string]func(context.Context, *snapshot.File, snapshot.Progress) error{
			"status": func(ctx context.Context, f *snapshot.File, p snapshot.Progress) error {
				_, err := f.ReadStatus(ctx, snapshot.StatusOptions{Digest: true, Progress: p})
				return err
			},
			"verify": func(ctx context.Context, f *snapshot.File, p snapshot.Progress) error {
				_, err := f.Verify(ctx, p)
				return err
			},
			"hashkv": func(ctx context.Context, f *snapshot.File, p snapshot.Progress) error {
				_, err := f.HashKV(ctx, 0, p)
				return err
			},
			"structure": func(ctx context.Context, f *snapshot.File, p snapshot.Progress) error {
				return f.CheckStructure(ctx, p)
			},
		} {
			t.Run(verb+", file "+name, func(t *testing.T) {
				t.Parallel()
				path := write(t, sound)
				f := open(t, path)
				p := &onFirst{do: func() {
					if err := change(path); err != nil {
						t.Error(err)
					}
				}}
				explained(t, read(t.Context(), f, p), snapshot.ErrChanged, path)
			})
		}
	}
}

func appendTo(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// onFirst is a progress that acts when work has begun.
type onFirst struct {
	do   func()
	done bool
}

func (*onFirst) Start(string, int64) {}
func (*onFirst) Finish()             {}

func (p *onFirst) Add(int64) {
	if !p.done {
		p.done = true
		p.do()
	}
}

// TestEndsWithTheContext cancels at the first progress.
func TestEndsWithTheContext(t *testing.T) {
	t.Parallel()
	f := open(t, write(t, small(t)))
	for name, read := range map[string]func(context.Context, snapshot.Progress) error{
		"status": func(ctx context.Context, p snapshot.Progress) error {
			_, err := f.ReadStatus(ctx, snapshot.StatusOptions{Digest: true, Progress: p})
			return err
		},
		"verify": func(ctx context.Context, p snapshot.Progress) error {
			_, err := f.Verify(ctx, p)
			return err
		},
		"hashkv": func(ctx context.Context, p snapshot.Progress) error {
			_, err := f.HashKV(ctx, 0, p)
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if err := read(ctx, &onFirst{do: cancel}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestHashKVOutOfRange(t *testing.T) {
	t.Parallel()
	path := write(t, small(t))
	f := open(t, path)
	_, err := f.HashKV(t.Context(), 1, nil)
	explained(t, err, keyspace.ErrCompacted, path)
	_, err = f.HashKV(t.Context(), 1<<40, nil)
	explained(t, err, keyspace.ErrFuture, path)
}
