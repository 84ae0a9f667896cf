//go:build !linux

package durable

import (
	"errors"
	"os"
)

func (f *File) startWriteback(_, _ int64) {}

func clone(_, _ *os.File) error { return errors.ErrUnsupported }

// SharesBlocks is not known here.
func SharesBlocks(string) bool { return false }

func rename(from, to string) error { return renamePlain(from, to) }

func exchange(_, _ string) error { return ErrNoExchange }
