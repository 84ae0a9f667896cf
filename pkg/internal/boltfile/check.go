package boltfile

import (
	"bytes"
	"encoding/binary"
)

// bounds are the keys that the branch pages above leave for a page: from lo, to
// below hi; nil is open.
type bounds struct{ lo, hi []byte }

// checkLeaf checks that keys ascend within their bounds, and that the data of
// the elements lies in order and without gaps, as bbolt writes it: so no bit of
// a position or a length can change unnoticed. Nor one of the count of overflow
// pages, of which bbolt has allocated what is needed, long ago one more.
func (p page) checkLeaf(in bounds) error {
	return p.check(in, func(i int) (element, error) { return p.leaf(i) })
}

// checkBranch does the same for a branch page, which must have children.
func (p page) checkBranch(in bounds) error {
	if p.count == 0 {
		return p.damage("is a branch page without children")
	}
	return p.check(in, func(i int) (element, error) { return p.branch(i) })
}

func (p page) check(in bounds, elem func(int) (element, error)) error {
	if err := p.fits(); err != nil {
		return err
	}
	next := headerSize + p.count*elemSize
	var prev []byte
	for i := range p.count {
		e, err := elem(i)
		if err != nil {
			return nil // reported where the element is visited
		}
		switch {
		case e.start != next:
			return p.damage("data of element %d starts at byte %d, not at %d", i, e.start, next)
		case i > 0 && bytes.Compare(prev, e.key) >= 0:
			return p.damage("key %x of element %d does not follow key %x", e.key, i, prev)
		case i == 0 && in.lo != nil && bytes.Compare(e.key, in.lo) < 0:
			return p.damage("first key %x is below %x, where its parent has it", e.key, in.lo)
		case in.hi != nil && bytes.Compare(e.key, in.hi) >= 0:
			return p.damage("key %x of element %d belongs on the page of %x", e.key, i, in.hi)
		}
		next += len(e.key) + len(e.value)
		prev = e.key
	}
	switch rest := len(p.data) - next; {
	case p.unit > 0 && rest > p.unit:
		return p.damage("has more pages than its %d bytes need: %d", next, len(p.data)/p.unit)
	case p.unit == 0 && rest != 0:
		return p.damage("an inline bucket has %d bytes too many", rest)
	}
	return nil
}

// CheckFree checks what the pass has not reached, after every bucket was walked:
// the headers of the meta pages, and that a free list, if there is one in the
// file, names exactly the pages that are not in use. These count as read then: a pass
// that has come to its end has told of the whole file.
func (s *Scan) CheckFree() error {
	s.tell(s.f.Size() - s.told)
	if err := s.f.Guard(s.checkMetaHeaders); err != nil {
		return err
	}
	if !s.f.meta.HasFree {
		return nil // whatever was not reached is free
	}
	return s.f.Guard(func() error {
		p, err := s.f.page(s.f.meta.Freelist)
		if err != nil {
			return s.damaged(err)
		}
		if err := s.checkFreePage(p); err != nil {
			return s.damaged(err)
		}
		for id := uint64(2); id < s.f.meta.Pages; id++ {
			if !s.seen.set(id) {
				err := &Damage{Page: id, Text: "is neither in use nor on the free list"}
				if err := s.damaged(err); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// checkMetaHeaders checks what lies outside of the checksum of the meta pages.
func (s *Scan) checkMetaHeaders() error {
	for slot := range 2 {
		p := page{id: uint64(slot)}
		head, err := s.f.m.bytes(int64(slot*s.f.meta.PageSize), headerSize)
		if err != nil {
			return s.damaged(p.damage("the file ends before this meta page"))
		}
		le := binary.LittleEndian
		if self := le.Uint64(head); self != p.id {
			if err := s.damaged(p.damage("calls itself page %d", self)); err != nil {
				return err
			}
		}
		if flags := le.Uint16(head[8:]); flags != flagMeta {
			if err := s.damaged(p.damage("has page flags %#x, not those of a meta page", flags)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Scan) checkFreePage(p page) error {
	if p.flags != flagFreelist {
		return p.damage("has page flags %#x, not those of a free list", p.flags)
	}
	for i := range uint64(len(p.data) / s.f.meta.PageSize) {
		if s.seen.set(p.id + i) {
			return p.damage("is a free list and in use as well")
		}
	}
	ids := p.data[headerSize:]
	count := uint64(p.count)
	if count == 0xFFFF { // too many for the header: the first entry counts them
		count = binary.LittleEndian.Uint64(ids)
		ids = ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return p.damage("%d free pages do not fit on the free list", count)
	}
	for i := range count {
		id := binary.LittleEndian.Uint64(ids[i*8:])
		if id < 2 || id >= s.f.meta.Pages {
			return p.damage("free page %d is outside the database", id)
		}
		if s.seen.set(id) {
			return p.damage("free page %d is in use, or on the list twice", id)
		}
	}
	return nil
}

// bitmap holds one bit per page.
type bitmap []uint64

func newBitmap(n uint64) bitmap { return make(bitmap, (n+63)/64) }

// set sets bit i and reports whether it was set before.
func (b bitmap) set(i uint64) bool {
	mask := uint64(1) << (i % 64)
	was := b[i/64]&mask != 0
	b[i/64] |= mask
	return was
}
