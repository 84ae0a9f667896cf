package etcdrestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/transport"
	"github.com/etcd-restore/etcd-restore/plugins/internal/exitcode"
)

// uploads is a node with a folder of its own, over connections that break.
type uploads struct {
	transport.Node
	dir   string
	limit int64 // bytes each way until a connection breaks; 0 for never
	tries int
	sent  int64
}

func newUploads(t *testing.T) *uploads {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	return &uploads{Node: thisNode(t), dir: dir}
}

func (u *uploads) Run(ctx context.Context, c transport.Command) error {
	u.tries++
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	c.Args = append([]string{c.Args[0], "--state-dir", u.dir}, c.Args[1:]...)
	if c.Stdin != nil {
		c.Stdin = &breaking{Reader: c.Stdin, cut: cut, limit: u.limit, count: &u.sent}
	}
	if c.Stdout != nil {
		c.Stdout = &breaking{Writer: c.Stdout, cut: cut, limit: u.limit, count: new(int64)}
	}
	err := u.Node.Run(ctx, c)
	if ctx.Err() != nil {
		return fmt.Errorf("%w: cut", transport.ErrConnection)
	}
	return err
}

// breaking is a stream that breaks.
type breaking struct {
	io.Reader
	io.Writer
	cut         func()
	done, limit int64
	count       *int64
}

func (b *breaking) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	return b.pass(n, err)
}

func (b *breaking) Write(p []byte) (int, error) {
	n, err := b.Writer.Write(p)
	return b.pass(n, err)
}

func (b *breaking) pass(n int, err error) (int, error) {
	b.done += int64(n)
	*b.count += int64(n)
	if b.limit > 0 && b.done >= b.limit {
		b.cut()
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

// someFile has size bytes; half of them can be compressed.
func someFile(t *testing.T, size int) (transport.File, []byte) {
	t.Helper()
	content := make([]byte, size)
	r := rand.NewChaCha8([32]byte{1})
	for i := 0; i < size; i += 8 << 10 {
		_, _ = r.Read(content[i:min(i+4<<10, size)])
	}
	path := filepath.Join(t.TempDir(), "snapshot.db")
	must(t, os.WriteFile(path, content, 0o600))
	f, err := transport.OpenFile(t.Context(), path)
	must(t, err)
	return f, content
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// highest keeps the last of what it is told.
type highest struct {
	mu         sync.Mutex
	done, size int64
}

func (h *highest) Sent(_ string, done, size int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.done, h.size = done, size
}

func requireThere(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes that are not those that were sent", path, len(got))
	}
	for path, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if parts, _ := filepath.Glob(filepath.Dir(path) + "/*.part"); len(parts) > 0 {
		t.Errorf("left over: %s", parts)
	}
}

// TestSend: a file comes whole, and another time nothing is sent.
func TestSend(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int{"empty": 0, "one byte": 1, "some blocks": 20 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newUploads(t)
			f, content := someFile(t, size)
			var p highest
			path, err := transport.Send(t.Context(), n, f, &p)
			must(t, err)
			if want := filepath.Join(n.dir, "uploads", f.SHA256+".db"); path != want {
				t.Errorf("path %s, want %s", path, want)
			}
			requireThere(t, path, content)
			if p.done != int64(size) || p.size != int64(size) {
				t.Errorf("progress %d of %d", p.done, p.size)
			}
			if size > 1<<20 && n.sent > int64(size)*6/10 {
				t.Errorf("%d bytes went for %d, of which half can be compressed", n.sent, size)
			}
			n.sent = 0
			_, err = transport.Send(t.Context(), n, f, nil)
			must(t, err)
			if n.sent > 64 {
				t.Errorf("sent %d bytes of what is there", n.sent)
			}
			into, err := os.Create(filepath.Join(t.TempDir(), "back"))
			must(t, err)
			defer into.Close()
			must(t, transport.Fetch(t.Context(), n, path, f.Size, f.SHA256, into, &p))
			if back, err := os.ReadFile(into.Name()); err != nil || !bytes.Equal(back, content) {
				t.Errorf("%d bytes came back, %v", len(back), err)
			}
		})
	}
}

// TestSendInterrupted: over connections that break it goes on where it was.
func TestSendInterrupted(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	n.limit = 3 << 20
	f, content := someFile(t, 20<<20)
	path, err := transport.Send(t.Context(), n, f, nil)
	must(t, err)
	requireThere(t, path, content)
	if n.tries < 4 || n.sent > int64(len(content)) {
		t.Errorf("%d connections, %d bytes", n.tries, n.sent)
	}
	n.tries = 0
	into, err := os.Create(filepath.Join(t.TempDir(), "back"))
	must(t, err)
	defer into.Close()
	must(t, transport.Fetch(t.Context(), n, path, f.Size, f.SHA256, into, nil))
	if back, err := os.ReadFile(into.Name()); err != nil || !bytes.Equal(back, content) || n.tries < 4 {
		t.Errorf("%d bytes came back over %d connections, %v", len(back), n.tries, err)
	}
}

// TestSendDamaged: what lies on the node and is not the file is found, and sent again.
func TestSendDamaged(t *testing.T) {
	t.Parallel()
	f, content := someFile(t, 2<<20)
	for name, lie := range map[string]struct{ file, content string }{
		"part":          {".db.part", strings.Repeat("x", 1<<20)},
		"part too long": {".db.part", strings.Repeat("x", 3<<20)},
		"part as long":  {".db.part", strings.Repeat("x", 2<<20)},
		"whole":         {".db", strings.Repeat("x", 2<<20)},
		"cut off":       {".db", string(content[:1<<20])},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newUploads(t)
			must(t, os.MkdirAll(filepath.Join(n.dir, "uploads"), 0o700))
			must(t, os.WriteFile(filepath.Join(n.dir, "uploads", f.SHA256+lie.file), []byte(lie.content), 0o600))
			path, err := transport.Send(t.Context(), n, f, nil)
			must(t, err)
			requireThere(t, path, content)
		})
	}
}

// TestSendChanged: a file that somebody writes to while it is sent does not pass.
func TestSendChanged(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	f, content := someFile(t, 1<<20)
	content[1<<19]++
	must(t, os.WriteFile(f.Path, content, 0o600))
	if _, err := transport.Send(t.Context(), n, f, nil); !errors.Is(err, transport.ErrFile) {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(n.dir + "/uploads/*"); len(left) > 0 {
		t.Errorf("left over: %s", left)
	}
}

// TestSendTwice: two that send the same at the same time do no harm to each other.
func TestSendTwice(t *testing.T) {
	t.Parallel()
	f, content := someFile(t, 8<<20)
	dir := filepath.Join(t.TempDir(), "state")
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			n := &uploads{Node: thisNode(t), dir: dir}
			path, err := transport.Send(t.Context(), n, f, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	both.Wait()
}

// TestSendRefused: nothing is written where it must not be.
func TestSendRefused(t *testing.T) {
	t.Parallel()
	f, _ := someFile(t, 1<<20)
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, uploads, elsewhere string)
		code    exitcode.Code
	}{
		"a link for the part": {func(t *testing.T, uploads, elsewhere string) {
			must(t, os.MkdirAll(uploads, 0o700))
			must(t, os.Symlink(elsewhere, filepath.Join(uploads, f.SHA256+".db.part")))
		}, exitcode.Failed},
		"a link for the folder": {func(t *testing.T, uploads, elsewhere string) {
			must(t, os.MkdirAll(filepath.Dir(uploads), 0o700))
			must(t, os.Symlink(filepath.Dir(elsewhere), uploads))
		}, exitcode.Refused},
		"a folder for all": {func(t *testing.T, uploads, _ string) {
			must(t, os.MkdirAll(uploads, 0o700))
			must(t, os.Chmod(uploads, 0o777))
		}, exitcode.Refused},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newUploads(t)
			elsewhere := filepath.Join(t.TempDir(), "elsewhere")
			must(t, os.WriteFile(elsewhere, []byte("precious"), 0o600))
			tc.prepare(t, filepath.Join(n.dir, "uploads"), elsewhere)
			_, err := transport.Send(t.Context(), n, f, nil)
			var exit *transport.ExitError
			if !errors.As(err, &exit) || exit.Code != int(tc.code) {
				t.Errorf("error %v", err)
			}
			if got, err := os.ReadFile(elsewhere); err != nil || string(got) != "precious" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// TestFetchRefused: only what is in the folder goes out.
func TestFetchRefused(t *testing.T) {
	t.Parallel()
	n := newUploads(t)
	must(t, os.MkdirAll(filepath.Join(n.dir, "uploads", "folder"), 0o700))
	must(t, os.WriteFile(filepath.Join(n.dir, "secret"), []byte("secret"), 0o600))
	must(t, os.Symlink("../secret", filepath.Join(n.dir, "uploads", "link")))
	for _, path := range []string{"/etc/shadow", n.dir + "/secret", n.dir + "/uploads/../secret", n.dir + "/uploads/link", n.dir + "/uploads/folder", n.dir + "/uploads", "link", "", "--help"} {
		into, err := os.Create(filepath.Join(t.TempDir(), "back"))
		must(t, err)
		defer into.Close()
		var exit *transport.ExitError
		if err := transport.Fetch(t.Context(), n, path, 6, f0, into, nil); !errors.As(err, &exit) || exit.Code != 2 {
			t.Errorf("%s: error %v", path, err)
		}
		if info, _ := into.Stat(); info.Size() > 0 {
			t.Errorf("%s: %d bytes", path, info.Size())
		}
	}
}

// f0 is a SHA-256 of nothing in particular.
var f0 = strings.Repeat("0", 64)
