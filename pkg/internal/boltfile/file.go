package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
)

// ErrNotBolt is returned by [New] for a file without a valid meta page.
var ErrNotBolt = errors.New("no bbolt database")

// Damage is one place where the file breaks the format.
type Damage struct {
	Page uint64 // the page it was found on
	Text string
}

func (d *Damage) Error() string { return fmt.Sprintf("page %d: %s", d.Page, d.Text) }

// MaxPageSize is the largest page size bbolt can find the second meta page at.
const MaxPageSize = 1 << 16

const (
	magic      = 0xED0CDAED
	version    = 2
	headerSize = 16
	elemSize   = 16
	metaSize   = 64
	noFreelist = ^uint64(0)

	minPageSize = 1 << 10

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10

	elemBucket = 0x01
)

// Meta is the root of the database, as one of its two meta pages has it.
type Meta struct {
	PageSize int    // bytes
	Root     uint64 // page of the root bucket
	Freelist uint64 // page of the free list
	HasFree  bool   // whether the free list is in the file at all
	Pages    uint64 // high water mark: pages in use, free or not
	TxID     uint64
	Slot     int // 0 or 1: the meta page it was read from
}

// File is an open database. Its methods may be used by several goroutines.
type File struct {
	m     *mapping
	size  int64 // bytes of the database, without what may follow it
	meta  Meta
	stale error // why the other meta page is not valid, or nil
}

// New reads the database in the first size bytes of f. It does not close f,
// which must stay open until Close.
func New(f *os.File, size int64) (*File, error) {
	if size < 2*minPageSize {
		return nil, fmt.Errorf("%w: %d bytes are too few", ErrNotBolt, size)
	}
	m, err := newMapping(f, size)
	if err != nil {
		return nil, err
	}
	file := &File{m: m, size: size}
	if err := m.guard(file.readMeta); err != nil {
		m.close()
		return nil, err
	}
	return file, nil
}

// Close unmaps the file. Keys and values handed out before become invalid.
func (f *File) Close() error { return f.m.close() }

// Meta returns the meta page in force.
func (f *File) Meta() Meta { return f.meta }

// Latest is the last transaction that the meta pages tell of by now. bbolt writes
// the pages of a transaction before its meta page, and reuses none that the
// transaction before it can reach: while the last one is still that of Meta,
// everything read so far is as that left it.
func (f *File) Latest() (uint64, error) {
	now := &File{m: f.m, size: f.size}
	if err := f.m.guard(now.readMeta); err != nil {
		return 0, err
	}
	return now.meta.TxID, nil
}

// Size is what bbolt calls the size of the database: its high water mark, bytes.
func (f *File) Size() int64 { return int64(f.meta.Pages) * int64(f.meta.PageSize) }

// SizeIn is the size of the database in f, which may be larger: bbolt grows a file
// ahead of what it holds.
func SizeIn(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	db, err := New(f, info.Size())
	if err != nil {
		return 0, err
	}
	return db.Size(), db.Close()
}

// StaleMeta says why the other meta page is not valid, or returns nil.
func (f *File) StaleMeta() error { return f.stale }

// readMeta finds the page size and the newer valid meta page, as bbolt does:
// page 0 first, then page 1 at every page size there is.
func (f *File) readMeta() error {
	zero, err0 := f.metaAt(0, 0)
	if err0 == nil {
		one, err1 := f.metaAt(int64(zero.PageSize), 1)
		switch {
		case err1 != nil:
			f.meta, f.stale = zero, err1
		case one.TxID > zero.TxID:
			f.meta = one
		default:
			f.meta = zero
		}
		return f.checkMeta()
	}
	for size := int64(minPageSize); size <= MaxPageSize; size <<= 1 {
		if one, err := f.metaAt(size, 1); err == nil && int64(one.PageSize) == size {
			f.meta, f.stale = one, err0
			return f.checkMeta()
		}
	}
	return fmt.Errorf("%w: %w", ErrNotBolt, err0)
}

func (f *File) metaAt(off int64, slot int) (Meta, error) {
	b, err := f.m.bytes(off, headerSize+metaSize)
	if err != nil {
		return Meta{}, &Damage{Page: uint64(slot), Text: "the file ends before this meta page"}
	}
	b = b[headerSize:]
	le := binary.LittleEndian
	if le.Uint32(b) != magic {
		return Meta{}, &Damage{Page: uint64(slot), Text: "meta page has no bbolt magic number"}
	}
	if v := le.Uint32(b[4:]); v != version {
		return Meta{}, &Damage{Page: uint64(slot), Text: fmt.Sprintf("meta page has version %d, not %d", v, version)}
	}
	if checksum(b) != le.Uint64(b[56:]) {
		return Meta{}, &Damage{Page: uint64(slot), Text: "meta page fails its checksum"}
	}
	m := Meta{
		PageSize: int(le.Uint32(b[8:])),
		Root:     le.Uint64(b[16:]),
		Freelist: le.Uint64(b[32:]),
		HasFree:  le.Uint64(b[32:]) != noFreelist,
		Pages:    le.Uint64(b[40:]),
		TxID:     le.Uint64(b[48:]),
		Slot:     slot,
	}
	if m.PageSize < minPageSize || m.PageSize > MaxPageSize || m.PageSize&(m.PageSize-1) != 0 {
		return Meta{}, &Damage{Page: uint64(slot), Text: fmt.Sprintf("page size %d is not a power of two from %d to %d", m.PageSize, minPageSize, MaxPageSize)}
	}
	return m, nil
}

// checksum is that of the meta page in b.
func checksum(b []byte) uint64 {
	sum := fnv.New64a()
	sum.Write(b[:56])
	return sum.Sum64()
}

func (f *File) checkMeta() error {
	have := uint64(f.size) / uint64(f.meta.PageSize)
	if f.meta.Pages > have {
		return &Damage{Page: uint64(f.meta.Slot), Text: fmt.Sprintf(
			"the database has %d pages of %d bytes, the file holds %d: it was cut short", f.meta.Pages, f.meta.PageSize, have)}
	}
	if f.meta.TxID > 1<<62 {
		return &Damage{Page: uint64(f.meta.Slot), Text: fmt.Sprintf("transaction %d has never been: the next one would not count as later", f.meta.TxID)}
	}
	if f.meta.Root < 2 || f.meta.Root >= f.meta.Pages {
		return &Damage{Page: uint64(f.meta.Slot), Text: fmt.Sprintf("root page %d is outside the database of %d pages", f.meta.Root, f.meta.Pages)}
	}
	return nil
}
