package snapshot

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// zstdMagic begins every zstd frame (RFC 8878, 3.1.1).
const zstdMagic = "\x28\xb5\x2f\xfd"

// maxWindow is how far back a frame may refer, and so what decompressing takes.
// zstd -19 needs 8 MiB.
const maxWindow = 32 << 20

func isZstd(r io.ReaderAt) (bool, error) {
	head := make([]byte, len(zstdMagic))
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return false, err
	}
	return bytes.Equal(head, []byte(zstdMagic)), nil
}

// Decompress returns the snapshot that r holds, decompressed if it is zstd.
// Close releases the decoder, not r.
func Decompress(r io.Reader) (io.ReadCloser, error) {
	in := bufio.NewReaderSize(r, 1<<20)
	head, err := in.Peek(len(zstdMagic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if string(head) != zstdMagic {
		return io.NopCloser(in), nil
	}
	// One goroutine and a bounded window: a frame that asks for more is refused.
	d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return zstdReader{d}, nil
}

type zstdReader struct{ d *zstd.Decoder }

func (z zstdReader) Read(p []byte) (int, error) {
	n, err := z.d.Read(p)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return n, hint.New(fmt.Errorf("%w as it is: zstd: more than %d MiB of memory are needed to decompress it", ErrNotSnapshot, maxWindow>>20),
			"decompress it first: zstd -d --long=31")
	}
	return n, fmt.Errorf("%w: zstd: %w", ErrCorrupt, err)
}

func (z zstdReader) Close() error {
	z.d.Close()
	return nil
}

// Spool opens the snapshot that r streams, compressed or not, by way of a
// nameless file in the directory for temporary files. name is for messages.
func Spool(name string, r io.Reader) (*File, error) {
	in, err := Decompress(r)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	defer in.Close()
	tmp, err := os.CreateTemp("", "etcd-snapshot-*.db")
	if err != nil {
		return nil, fmt.Errorf("make room for %s: %w", name, err)
	}
	if err := os.Remove(tmp.Name()); err != nil {
		tmp.Close()
		return nil, fmt.Errorf("make room for %s: %w", name, err)
	}
	if _, err := io.Copy(tmp, in); err != nil {
		tmp.Close()
		err = fmt.Errorf("read %s into %s: %w", name, os.TempDir(), err)
		if errors.Is(err, syscall.ENOSPC) {
			return nil, hint.New(err, "set TMPDIR to a directory with room for the whole snapshot")
		}
		if errors.Is(err, ErrCorrupt) {
			return nil, hint.New(err, "test the compressed file with `zstd -t`, and copy it again from where it came")
		}
		return nil, err
	}
	return open(name, tmp)
}

// Stream is a snapshot to be read once, front to back.
type Stream struct {
	io.Reader // an *os.File if the bytes in the file are those of the snapshot
	Size      int64
	close     func()
}

// Close releases the file.
func (s Stream) Close() { s.close() }

// NewStream is the snapshot that r streams, compressed or not.
func NewStream(r io.Reader) (Stream, error) {
	in, err := Decompress(r)
	if err != nil {
		return Stream{}, fmt.Errorf("read the snapshot: %w", err)
	}
	return Stream{in, -1, func() { in.Close() }}, nil
}

// OpenStream opens the snapshot at path, decompressed if need be. The size is -1
// if only reading it will tell.
func OpenStream(path string) (Stream, error) {
	f, err := openShared(path)
	if err != nil {
		return Stream{}, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return Stream{}, fmt.Errorf("open snapshot: %w", err)
	}
	compressed, err := isZstd(f)
	if err != nil {
		f.Close()
		return Stream{}, fmt.Errorf("read %s: %w", path, err)
	}
	if !compressed {
		return Stream{f, info.Size(), func() { f.Close() }}, nil
	}
	in, err := Decompress(f)
	if err != nil {
		f.Close()
		return Stream{}, fmt.Errorf("read %s: %w", path, err)
	}
	return Stream{in, -1, func() { in.Close(); f.Close() }}, nil
}
