package restore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// createParts makes the empty parts, after those of restores that were killed
// have been removed.
func (r *run) createParts() error {
	for i := range r.parts {
		p := &r.parts[i]
		if err := sweep(filepath.Dir(p.path), p.path); err != nil {
			return err
		}
		if err := p.fs.Mkdir(p.path); err != nil {
			return r.explain(fmt.Errorf("make room for the restore: %w", err))
		}
		dir, err := os.Open(p.path)
		if err != nil {
			return err
		}
		p.lock = dir
		if err := durable.Lock(dir); err != nil {
			return fmt.Errorf("lock %s: %w", p.path, err)
		}
	}
	return nil
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
		if p.lock == nil {
			continue
		}
		_ = os.RemoveAll(p.path)
		_ = p.lock.Close()
	}
}
