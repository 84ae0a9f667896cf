//go:build !linux

package node

import (
	"errors"
	"fmt"
)

// stat is for nodes, which run Linux.
func (d *Directory) stat() error {
	return fmt.Errorf("%w: a node can be looked at on Linux only", errors.ErrUnsupported)
}
