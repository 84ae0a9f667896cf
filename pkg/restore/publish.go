package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// sweepAll removes what restores into the same places left when they were killed.
func (r *run) sweepAll() error {
	for _, p := range r.parts {
		if err := sweep(p.fs, p.path); err != nil {
			return r.explain(err)
		}
	}
	return nil
}

// createParts makes the empty parts.
func (r *run) createParts() error {
	for i := range r.parts {
		p := &r.parts[i]
		if err := p.create(); err != nil {
			return r.explain(fmt.Errorf("make room for the restore: %w", err))
		}
	}
	return nil
}

// create makes the directory of the part and locks it. Another restore that
// sweeps can find it before it is locked, and then removes it: it is made again.
func (p *part) create() error {
	unowned := durable.FS{Boundary: p.fs.Boundary}
	for {
		if err := unowned.Mkdir(p.path); err != nil {
			return err
		}
		p.made = true
		p.fs.At("lock", p.path)
		dir, err := os.Open(p.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		if err := durable.LockWait(dir); err != nil { // whoever sweeps it holds the lock until it is gone
			dir.Close()
			return fmt.Errorf("lock %s: %w", p.path, err)
		}
		if stands(p.path, dir) {
			p.lock = dir
			return p.fs.Give(p.path)
		}
		dir.Close()
	}
}

// stands reports whether path is still the open directory.
func stands(path string, dir *os.File) bool {
	now, err := os.Lstat(path)
	if err != nil {
		return false
	}
	mine, err := dir.Stat()
	return err == nil && os.SameFile(now, mine)
}

// publish gives every part its final name, in order. If one cannot have it, those
// before give theirs back.
func (r *run) publish() error {
	for i := range r.parts {
		p := &r.parts[i]
		if err := p.fs.Rename(p.from, p.to); err != nil {
			return errors.Join(p.explain(err), r.unpublish())
		}
		p.done = true
	}
	return nil
}

func (p *part) explain(err error) error {
	if errors.Is(err, fs.ErrExist) || isNotEmpty(err) {
		return hint.New(fmt.Errorf("%w: %s appeared while the restore ran", ErrTarget, p.to),
			"another restore into the same place has won; look at what it made")
	}
	return err
}

// unpublish takes back what has been published.
func (r *run) unpublish() error {
	var errs []error
	for _, p := range slices.Backward(r.parts) {
		if p.done {
			errs = append(errs, p.fs.Rename(p.to, p.from))
		}
	}
	return errors.Join(errs...)
}

// cleanUp removes the parts that are still there: all of them after a failure,
// after success only the shell of a log that went into an existing directory.
// Errors have nobody to go to; what remains is swept by the next restore.
func (r *run) cleanUp() {
	for _, p := range r.parts {
		if p.made {
			_ = p.fs.RemoveAll(p.path)
		}
		if p.lock != nil {
			_ = p.lock.Close()
		}
	}
}
