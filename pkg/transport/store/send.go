package store

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

// Send writes a file of the store to w, compressed, from an offset on. The path must be
// that of a file right in the folder.
func (s *Store) Send(ctx context.Context, path string, offset int64, w io.Writer) error {
	name := filepath.Base(path)
	if filepath.Clean(path) != s.Path(name) {
		return hint.New(fmt.Errorf("%w: %q", ErrName, path), "only what is in %s can be fetched", hint.Path(s.path))
	}
	file, err := s.root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrName, err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: %s is no regular file", ErrName, path)
	case offset < 0 || offset > info.Size():
		return fmt.Errorf("%w: %s has %d bytes, and not %d", ErrName, path, info.Size(), offset)
	}
	return transport.Compress(w, transport.UnlessDone(ctx, io.NewSectionReader(file, offset, info.Size()-offset)))
}
