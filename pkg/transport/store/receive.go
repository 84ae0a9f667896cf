package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/etcd-restore/etcd-restore/pkg/internal/courtesy"
	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/transport"
)

const (
	// silence is how long an input may stand still before it counts as broken, and
	// patience how long to wait for another upload of the same file: one whose connection
	// is gone has noticed by then.
	silence  = 30 * time.Second
	patience = silence + 15*time.Second

	syncEvery = 16 << 20 // bytes; what etcd writes to the same disk must not wait long
	tellEvery = 1 << 20  // bytes
)

// Receive takes a file from in, compressed, from behind what is there of it; tell is told
// how much that is before anything is read. The last that it is told is whether the file
// is whole; if that is all there is to say there is no error.
func (s *Store) Receive(ctx context.Context, f transport.File, in io.Reader, tell func(transport.Arrived) error) error {
	if err := f.Check(); err != nil {
		return err
	}
	name := f.SHA256 + ".db"
	part, err := s.openPart(ctx, name+".part")
	if err != nil {
		return err
	}
	defer part.Close() // and the lock with it
	whole, err := s.have(ctx, name, f)
	if err != nil {
		return err
	}
	if whole {
		if err := s.root.Remove(name + ".part"); err != nil {
			return err
		}
		return tell(transport.Arrived{Path: s.Path(name), Have: f.Size, Complete: true})
	}
	defer courtesy.Begin()() // the cluster serves meanwhile
	u := &upload{File: part, path: s.Path(name), size: f.Size, tell: tell}
	if err := u.begin(); err != nil {
		return err
	}
	if err := u.take(ctx, in); err != nil || u.have < f.Size {
		return err
	}
	return s.finish(ctx, name, f, u)
}

// have says whether a file is there whole; one that is not what it shall be goes.
func (s *Store) have(ctx context.Context, name string, f transport.File) (bool, error) {
	file, err := s.root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	defer file.Close()
	if sum, _, err := transport.Digest(ctx, file); err != nil {
		return false, fmt.Errorf("read %s: %w", s.Path(name), err)
	} else if sum == f.SHA256 {
		return true, nil
	}
	return false, s.root.Remove(name)
}

// openPart opens what is there of a file, and locks it.
func (s *Store) openPart(ctx context.Context, name string) (*os.File, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, hint.New(fmt.Errorf("%w: %s", ErrBusy, s.Path(name)), "wait for it, or look for it: fuser -v %s", hint.Path(s.Path(name))))
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		file, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
		if err != nil {
			return nil, newfileError(s.path, err)
		}
		err = durable.Lock(file)
		if err == nil && s.is(file, name) {
			return file, nil
		}
		file.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", s.Path(name), err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-again.C:
		}
	}
}

// is says whether an open file still has a name: who held the lock before may have given
// it another.
func (s *Store) is(file *os.File, name string) bool {
	opened, err := file.Stat()
	if err != nil || !opened.Mode().IsRegular() {
		return false
	}
	now, err := s.root.Lstat(name)
	return err == nil && os.SameFile(opened, now)
}

// finish reads what has come, and gives it its name.
func (s *Store) finish(ctx context.Context, name string, f transport.File, u *upload) error {
	if err := u.Sync(); err != nil {
		return newfileError(s.path, err)
	}
	if _, err := u.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum, _, err := transport.Digest(ctx, u.File)
	if err != nil {
		return fmt.Errorf("read %s: %w", s.Path(name+".part"), err)
	}
	if sum != f.SHA256 {
		if err := s.root.Remove(name + ".part"); err != nil {
			return err
		}
		return u.tell(transport.Arrived{Path: u.path, Wrong: true})
	}
	if err := s.root.Rename(name+".part", name); err != nil {
		return err
	}
	if err := (durable.FS{}).SyncDir(s.path); err != nil {
		return err
	}
	return u.tell(transport.Arrived{Path: u.path, Have: f.Size, Complete: true})
}

// newfileError names a full disk as all others do.
func newfileError(dir string, err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return noSpace(dir, err)
	}
	return err
}

func noSpace(dir string, why error) error {
	return hint.New(fmt.Errorf("%s: %w: %w", dir, newfile.ErrNoSpace, why), "free some on the node: df -h %s", hint.Path(dir))
}
