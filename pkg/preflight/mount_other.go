//go:build !linux

package preflight

import (
	"errors"
	"fmt"
)

// sameMount is for nodes, which run Linux.
func sameMount(_, _ string) (bool, error) {
	return false, fmt.Errorf("%w: mounts are told apart on Linux only", errors.ErrUnsupported)
}
