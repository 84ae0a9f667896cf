package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

var (
	// ErrFile is returned for what cannot be sent: it is no regular file, or it changes.
	ErrFile = errors.New("not a file to be sent")
	// ErrDigest is returned when a file has not arrived as it is, twice.
	ErrDigest = errors.New("the file did not arrive as it was sent")
)

// File is a file here, for the nodes.
type File struct {
	Path   string
	Size   int64  // bytes
	SHA256 string // of the bytes, hex
}

// Progress is told how much of a file is on a node, or has come from it, in bytes.
type Progress interface {
	Sent(node string, done, size int64)
}

// Arrived is what node receive says, a line of JSON each time: first how much of the file
// is there already, then how that grows, at last whether it is whole.
type Arrived struct {
	Path     string `json:"path"`
	Have     int64  `json:"have"` // bytes of the file; the sender goes on from here
	Complete bool   `json:"complete,omitempty"`
	// Wrong says that all bytes came, and that they were others: they are gone again.
	Wrong bool `json:"wrong,omitempty"`
	// Broken says why the input ended early: what came stays, for the next try.
	Broken string `json:"broken,omitempty"`
}

// OpenFile reads a file whole, to name it by its SHA-256.
func OpenFile(ctx context.Context, path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return File{}, err
	case !info.Mode().IsRegular():
		return File{}, hint.New(fmt.Errorf("%w: %s is no regular file", ErrFile, path), "write it into a file first")
	}
	hash, n, err := Digest(ctx, f)
	if err != nil {
		return File{}, fmt.Errorf("read %s: %w", path, err)
	}
	return File{path, n, hash}, nil
}

var isDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Check says whether the file could be one.
func (f File) Check() error {
	if f.Size < 0 || !isDigest.MatchString(f.SHA256) {
		return fmt.Errorf("%w: %d bytes with the SHA-256 %q", ErrFile, f.Size, f.SHA256)
	}
	return nil
}

// Digest reads to the end: the SHA-256 in hex, and the bytes there were.
func Digest(ctx context.Context, r io.Reader) (string, int64, error) {
	hash := sha256.New()
	n, err := io.CopyBuffer(hash, UnlessDone(ctx, r), make([]byte, 1<<20))
	return hex.EncodeToString(hash.Sum(nil)), n, err
}

// UnlessDone reads until a context is done.
func UnlessDone(ctx context.Context, r io.Reader) io.Reader { return unlessDone{ctx, r} }

type unlessDone struct {
	ctx context.Context
	r   io.Reader
}

func (u unlessDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, context.Cause(u.ctx)
	}
	return u.r.Read(p)
}

// window bounds the memory at both ends, in bytes.
const window = 1 << 20

// Compress copies to w. Every block goes out as soon as it is full, so that whatever
// arrives of an interrupted stream can be used.
func Compress(w io.Writer, r io.Reader) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{z}, struct{ io.Reader }{r}, make([]byte, 128<<10)); err != nil {
		return errors.Join(err, z.Close())
	}
	return z.Close()
}

// Decompress copies what Compress has written, as far as it goes, and writes every block
// as soon as it has come.
func Decompress(w io.Writer, r io.Reader) error {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	_, err = z.WriteTo(w)
	return err
}

const (
	maxTries  = 5 // in a row without a byte more
	firstWait = 200 * time.Millisecond
)

// tries are the attempts to bring a file across connections that break.
type tries struct {
	best   int64
	failed int
	wait   time.Duration
}

// again waits for the next attempt, if there is one: there is as long as each gets
// further than all before it.
func (t *tries) again(ctx context.Context, have int64) bool {
	if have > t.best {
		t.best, t.failed = have, 0
	}
	if t.failed++; t.failed > maxTries {
		return false
	}
	if t.wait *= 3; t.failed == 1 {
		t.wait = firstWait
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(t.wait):
		return true
	}
}
