package durable

import "os"

// writebackStep is how much is written between two requests to the kernel to
// begin with its own writing, which makes the sync at the end a short one.
const writebackStep = 16 << 20

// File is a file that is being made.
type File struct {
	*os.File
	fs      FS
	written int64
	flushed int64 // up to here the kernel was asked to write back
}

// Write appends to the file.
func (f *File) Write(b []byte) (int, error) {
	f.fs.At("write", f.Name())
	n, err := f.File.Write(b)
	f.written += int64(n)
	if f.written-f.flushed >= writebackStep {
		f.startWriteback(f.flushed, f.written-f.flushed)
		f.flushed = f.written
	}
	return n, err
}

// Truncate cuts the file to size bytes.
func (f *File) Truncate(size int64) error {
	f.fs.At("truncate", f.Name())
	return f.File.Truncate(size)
}

// Sync makes the content of the file survive a power cut.
func (f *File) Sync() error {
	f.fs.At("fsync", f.Name())
	return f.File.Sync()
}

// Clone makes f share the blocks of src, which must lie on the same file
// system. It fails where that cannot share blocks, leaving f as it was.
func (f *File) Clone(src *os.File) error {
	f.fs.At("clone", f.Name())
	return clone(f.File, src)
}
