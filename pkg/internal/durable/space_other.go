//go:build !unix

package durable

import (
	"errors"
	"math"
	"os"
)

// Space does not know the free space here and never refuses.
func Space(string) (free int64, device uint64, err error) { return math.MaxInt64, 0, nil }

// OpenOwnDir is for systems with numeric owners.
func OpenOwnDir(string) (*os.File, error) { return nil, errors.ErrUnsupported }

// OnlyMine is for systems with numeric owners.
func OnlyMine(*os.File) (string, error) { return "", errors.ErrUnsupported }

// Lock is not needed to read snapshots, which is all that is done here.
func Lock(*os.File) error { return errors.ErrUnsupported }

// Locked cannot tell.
func Locked(*os.File) bool { return false }

// LockWait is not needed either.
func LockWait(*os.File) error { return errors.ErrUnsupported }
