package etcdclient

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// part is the growing file beside its final name. It is the Sink of Save.
type part struct {
	fs   durable.FS
	file *durable.File
	dir  string
}

// createPart makes a file that nobody else has: two saves to one path never
// write into each other's.
func createPart(path string) (*part, error) {
	p := &part{dir: filepath.Dir(path)}
	var err error
	p.file, err = p.fs.Create(fmt.Sprintf("%s.%s.part", path, rand.Text()[:8]))
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EROFS):
		return nil, hint.New(fmt.Errorf("cannot create a file in %s: %w", p.dir, cause(err)),
			"choose a directory that you may write to")
	case full(err):
		return nil, p.noSpace(cause(err))
	default:
		return nil, fmt.Errorf("cannot create a file in %s: %w", p.dir, cause(err))
	}
}

// Begin checks that size bytes fit.
func (p *part) Begin(size int64) error {
	free, _, err := durable.Space(p.dir)
	if err != nil {
		return err
	}
	if free < size {
		return p.noSpace(fmt.Errorf("the snapshot takes %d bytes and %d are free", size, free))
	}
	return nil
}

// Write appends to the file.
func (p *part) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	return n, p.explain(err)
}

// complete syncs the file. Meanwhile inspect, if any, may look at it: all of it
// has been written, so that it waits for the disk no more than the sync does.
func (p *part) complete(ctx context.Context, inspect func(context.Context, string) error) error {
	synced := make(chan error, 1)
	go func() { synced <- p.explain(p.file.Sync()) }()
	var err error
	if inspect != nil {
		err = inspect(ctx, p.file.Name())
	}
	return errors.Join(err, <-synced)
}

// publish gives the file its name and syncs that.
func (p *part) publish(path string, replace bool) error {
	if replace {
		if err := os.Rename(p.file.Name(), path); err != nil {
			return err
		}
		return p.fs.SyncDir(p.dir)
	}
	err := p.fs.Rename(p.file.Name(), path)
	if errors.Is(err, fs.ErrExist) {
		return existsError(path)
	}
	return err
}

// discard closes the file and removes it if it was not published: by then its
// old name is gone. There is nothing to do about an error on this way out.
func (p *part) discard() {
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}

func (p *part) explain(err error) error {
	if full(err) {
		return p.noSpace(cause(err))
	}
	return err
}

func (p *part) noSpace(why error) error {
	return hint.New(fmt.Errorf("%s: %w: %w", p.dir, ErrNoSpace, why), "free some, or choose another directory")
}

func full(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// cause drops the temporary name that os puts into its errors: it would only
// puzzle the user.
func cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}
