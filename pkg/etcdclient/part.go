package etcdclient

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// writebackStep is how much is written between two requests to the kernel to
// begin with its own writing, which makes the sync at the end a short one.
const writebackStep = 32 << 20

// part is the growing file beside its final name. It is the Sink of Save.
type part struct {
	file    *os.File
	written int64
	flushed int64 // up to here the kernel was asked to write back
}

// createPart makes a file that nobody else has: two saves to one path never
// write into each other's.
func createPart(path string) (*part, error) {
	dir, name := filepath.Split(path)
	file, err := os.CreateTemp(filepath.Clean(dir), name+".*.part") // O_EXCL, 0600
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return nil, hint.New(fmt.Errorf("cannot create a file in %s: %w", filepath.Dir(path), cause(err)),
			"choose a directory that you may write to")
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return nil, noSpace(path, err)
	case err != nil:
		return nil, fmt.Errorf("cannot create a file in %s: %w", filepath.Dir(path), cause(err))
	}
	return &part{file: file}, nil
}

// Begin checks that size bytes fit.
func (p *part) Begin(size int64) error {
	var free unix.Statfs_t
	if err := unix.Fstatfs(int(p.file.Fd()), &free); err != nil {
		return fmt.Errorf("free space of %s: %w", filepath.Dir(p.file.Name()), err)
	}
	if available := int64(free.Bavail) * int64(free.Bsize); available < size {
		return noSpace(p.file.Name(), fmt.Errorf("the snapshot takes %d bytes and %d are free", size, available))
	}
	return nil
}

// Write appends to the file.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.written += int64(n)
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return n, noSpace(p.file.Name(), cause(err))
	case err != nil:
		return n, err
	}
	if p.written-p.flushed >= writebackStep {
		startWriteback(p.file, p.flushed, p.written-p.flushed)
		p.flushed = p.written
	}
	return n, nil
}

// publish gives the file its name, once it is safely on disk.
func (p *part) publish(ctx context.Context, path string, replace bool) error {
	if err := p.file.Sync(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil { // the last moment to leave nothing behind
		return fmt.Errorf("save %s: %w", path, err)
	}
	if err := rename(p.file.Name(), path, replace); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return existsError(path)
		}
		return err
	}
	return syncDir(filepath.Dir(path))
}

// discard closes the file and removes it if it was not published: by then its
// old name is gone. There is nothing to do about an error on this way out.
func (p *part) discard() {
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}

func noSpace(path string, why error) error {
	return hint.New(fmt.Errorf("%s: %w: %w", filepath.Dir(path), ErrNoSpace, why), "free some, or choose another directory")
}

// cause drops the temporary name that os puts into its errors: it would only
// puzzle the user.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
