//go:build !unix

package boltfile

import (
	"fmt"
	"io"
	"os"
)

// newMapping reads the file into memory where it cannot be mapped.
func newMapping(f *os.File, size int64) (*mapping, error) {
	data := make([]byte, size)
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), data); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return &mapping{data: data, unmap: func() error { return nil }, forget: func() {}}, nil
}
