package boltfile

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"
)

// errShrunk is returned when the file lost bytes while it was being read.
var errShrunk = errors.New("the file became shorter while it was being read")

// window is how much of the mapping may become resident before it is dropped
// again. Dropping only forgets page table entries, the page cache stays warm.
const window = 32 << 20

// mapping gives bounds-checked access to the bytes of a file.
type mapping struct {
	data    []byte
	touched atomic.Int64 // bytes handed out since the window was last dropped
	unmap   func() error
	forget  func()
}

// bytes returns n bytes at off, or io.ErrUnexpectedEOF. They stay valid until close.
func (m *mapping) bytes(off, n int64) ([]byte, error) {
	if off < 0 || n < 0 || off > int64(len(m.data))-n {
		return nil, io.ErrUnexpectedEOF
	}
	if m.touched.Add(n) > window {
		m.touched.Store(0)
		m.forget()
	}
	return m.data[off : off+n : off+n], nil
}

func (m *mapping) close() error {
	m.data = nil
	return m.unmap()
}

// guard runs fn and turns the fault of a mapping whose file was truncated
// underneath it into an error.
func (m *mapping) guard(fn func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			fault, ok := r.(interface{ Addr() uintptr })
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("%w (fault at %#x)", errShrunk, fault.Addr())
		}
	}()
	return fn()
}
