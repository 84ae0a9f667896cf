package restore

import (
	"fmt"
	"os"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// resemble takes owner, label and permissions of what is built from a directory
// that exists. That is only looked at (invariant I1).
func (b *build) resemble(like string, data place) error {
	if data.exists {
		return keepsItsOwner(data)
	}
	info, err := os.Stat(like)
	switch {
	case err != nil:
		return fmt.Errorf("look at the directory to resemble: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%w: %s, which the target is to resemble, is no directory", ErrConfig, like)
	}
	b.mode = info.Mode().Perm()
	b.fs.Owner, err = durable.OwnerOf(like)
	return err
}

func keepsItsOwner(p place) error {
	return hint.New(fmt.Errorf("%w: %s exists, and would keep its owner and its label", ErrTarget, p.path), "choose a directory that does not exist yet")
}
