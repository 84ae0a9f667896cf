//go:build !linux

package detached

import (
	"errors"
	"fmt"
	"os"
)

// replace is for nodes, which run Linux.
func replace(int, *os.File) error {
	return fmt.Errorf("%w: a verb is left behind on Linux only", errors.ErrUnsupported)
}
