package boltfile

import (
	"encoding/binary"
	"fmt"
)

// page is one page with its overflow pages, known to lie inside the database.
type page struct {
	id    uint64
	flags uint16
	count int
	data  []byte // the whole page, header included
	unit  int    // size of a single page, 0 for an inline one
}

// page reads the header of page id and takes in its overflow pages.
func (f *File) page(id uint64) (page, error) {
	if id < 2 || id >= f.meta.Pages {
		return page{}, &Damage{Page: id, Text: fmt.Sprintf("outside the database of %d pages", f.meta.Pages)}
	}
	size := int64(f.meta.PageSize)
	off := int64(id) * size
	head, err := f.m.bytes(off, headerSize)
	if err != nil {
		return page{}, &Damage{Page: id, Text: "the file ends before this page"}
	}
	le := binary.LittleEndian
	if self := le.Uint64(head); self != id {
		return page{}, &Damage{Page: id, Text: fmt.Sprintf("calls itself page %d", self)}
	}
	overflow := uint64(le.Uint32(head[12:]))
	if overflow >= f.meta.Pages-id {
		return page{}, &Damage{Page: id, Text: fmt.Sprintf("%d overflow pages reach past the end of the database", overflow)}
	}
	data, err := f.m.bytes(off, size*int64(overflow+1))
	if err != nil {
		return page{}, &Damage{Page: id, Text: "the file ends inside this page"}
	}
	return page{id: id, flags: le.Uint16(head[8:]), count: int(le.Uint16(head[10:])), data: data, unit: f.meta.PageSize}, nil
}

// inline reads the page that a small bucket carries in its value.
func inline(parent uint64, b []byte) (page, error) {
	if len(b) < headerSize {
		return page{}, &Damage{Page: parent, Text: "inline bucket is shorter than a page header"}
	}
	le := binary.LittleEndian
	p := page{id: parent, flags: le.Uint16(b[8:]), count: int(le.Uint16(b[10:])), data: b}
	if p.flags != flagLeaf {
		return page{}, p.damage("inline bucket has page flags %#x, not those of a leaf", p.flags)
	}
	if id, overflow := le.Uint64(b), le.Uint32(b[12:]); id != 0 || overflow != 0 {
		return page{}, p.damage("inline bucket calls itself page %d with %d overflow pages", id, overflow)
	}
	return p, nil
}

// fits checks that the page has room for the elements it counts.
func (p page) fits() error {
	if headerSize+p.count*elemSize > len(p.data) {
		return p.damage("%d elements do not fit in %d bytes", p.count, len(p.data))
	}
	return nil
}

// element is one entry of a branch page (key, child) or a leaf page (key, value).
type element struct {
	start  int // where its data begins, bytes from the start of the page
	key    []byte
	value  []byte
	child  uint64
	bucket bool // the value is a bucket
}

// branch returns element i of a branch page that fits.
func (p page) branch(i int) (element, error) {
	at := headerSize + i*elemSize
	e := p.data[at : at+elemSize]
	le := binary.LittleEndian
	start := uint64(at) + uint64(le.Uint32(e))
	end := start + uint64(le.Uint32(e[4:]))
	if end > uint64(len(p.data)) {
		return element{}, p.damage("key of element %d reaches past the page", i)
	}
	return element{start: int(start), key: p.data[start:end:end], child: le.Uint64(e[8:])}, nil
}

// leaf returns element i of a leaf page that fits.
func (p page) leaf(i int) (element, error) {
	at := headerSize + i*elemSize
	e := p.data[at : at+elemSize]
	le := binary.LittleEndian
	flags := le.Uint32(e)
	start := uint64(at) + uint64(le.Uint32(e[4:]))
	mid := start + uint64(le.Uint32(e[8:]))
	end := mid + uint64(le.Uint32(e[12:]))
	if end > uint64(len(p.data)) {
		return element{}, p.damage("element %d reaches past the page", i)
	}
	if flags&^elemBucket != 0 {
		return element{}, p.damage("element %d has unknown flags %#x", i, flags)
	}
	return element{
		start:  int(start),
		key:    p.data[start:mid:mid],
		value:  p.data[mid:end:end],
		bucket: flags&elemBucket != 0,
	}, nil
}

func (p page) damage(format string, args ...any) error {
	return &Damage{Page: p.id, Text: fmt.Sprintf(format, args...)}
}
