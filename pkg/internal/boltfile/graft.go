package boltfile

import (
	"encoding/binary"
	"fmt"
	"os"
)

// Graft makes the database in f, which must be a private copy, cheap to open for
// writing: it appends a free list that names no page and points the meta page in
// force at it. bbolt then reads that list instead of walking every page to make
// one, and puts what it writes behind the end of the file.
//
// No page is lost by it: after a commit with NoFreelistSync the list is gone
// again, and whoever opens the database next finds the free pages by the walk.
// Nothing but the meta pages changes below the end that Graft found.
func Graft(f *os.File, size int64) error {
	file, err := New(f, size)
	if err != nil {
		return err
	}
	meta := file.Meta()
	if err := file.Close(); err != nil {
		return err
	}
	le := binary.LittleEndian
	list := make([]byte, meta.PageSize)
	le.PutUint64(list, meta.Pages)
	le.PutUint16(list[8:], flagFreelist)
	if _, err := f.WriteAt(list, int64(meta.Pages)*int64(meta.PageSize)); err != nil {
		return fmt.Errorf("append a free list: %w", err)
	}
	at := int64(meta.Slot)*int64(meta.PageSize) + headerSize
	b := make([]byte, metaSize)
	if _, err := f.ReadAt(b, at); err != nil {
		return fmt.Errorf("read meta page %d: %w", meta.Slot, err)
	}
	le.PutUint64(b[32:], meta.Pages)
	le.PutUint64(b[40:], meta.Pages+1)
	le.PutUint64(b[56:], checksum(b))
	if _, err := f.WriteAt(b, at); err != nil {
		return fmt.Errorf("write meta page %d: %w", meta.Slot, err)
	}
	return nil
}
