// Package keyset counts distinct keys in little memory: at most 16 bytes a key,
// however long the keys are.
//
// It keeps 88 bits of a keyed 128-bit hash of each key: 8 of them choose a
// table, 80 are stored. With ten million keys the chance that any two of them
// are taken for one is below 10^-12; the seed is random, so nobody can choose
// keys that collide.
package keyset

import (
	"encoding/binary"
	"hash/maphash"
)

// Set is a set of keys. The zero value is not ready, use [New].
type Set struct {
	seeds  [2]maphash.Seed
	tables [256]table
	n      int
}

// New returns an empty set.
func New() *Set {
	return &Set{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

// Len is the number of keys in the set.
func (s *Set) Len() int { return s.n }

// Add puts key into the set and reports whether it was not there.
func (s *Set) Add(key []byte) bool {
	t, tag := s.locate(key)
	if !t.add(tag) {
		return false
	}
	s.n++
	return true
}

// Remove takes key out of the set, where it may not be.
func (s *Set) Remove(key []byte) {
	t, tag := s.locate(key)
	if t.remove(tag) {
		s.n--
	}
}

func (s *Set) locate(key []byte) (*table, tag) {
	a, b := maphash.Bytes(s.seeds[0], key), maphash.Bytes(s.seeds[1], key)
	var t tag
	binary.LittleEndian.PutUint64(t[:], a)
	binary.LittleEndian.PutUint16(t[8:], uint16(b))
	if t == (tag{}) {
		t[0] = 1 // the zero tag marks a free slot
	}
	return &s.tables[b>>56], t
}

// tag is what is kept of a key's hash.
type tag [10]byte

// table is an open-addressing hash table with linear probing. Its slots are
// kept in one slice without pointers; it grows by a third when 7/8 full, so
// that a key takes at most 10 / (7/8) * 4/3 = 15.3 bytes.
type table struct {
	slots []tag
	n     int
}

// home is where the search for t begins: its hash scaled to the number of slots.
func (t *table) home(g tag) int {
	h := uint64(binary.LittleEndian.Uint32(g[4:]))
	return int(h * uint64(len(t.slots)) >> 32)
}

// find returns the slot of g, or the free one where it belongs.
func (t *table) find(g tag) (at int, found bool) {
	for at = t.home(g); ; at++ {
		if at == len(t.slots) {
			at = 0
		}
		switch t.slots[at] {
		case g:
			return at, true
		case tag{}:
			return at, false
		}
	}
}

func (t *table) add(g tag) bool {
	if t.n >= len(t.slots)*7/8 {
		t.grow()
	}
	at, found := t.find(g)
	if !found {
		t.slots[at] = g
		t.n++
	}
	return !found
}

// remove frees the slot of g and moves up the keys that were pushed past it.
func (t *table) remove(g tag) bool {
	if t.n == 0 {
		return false
	}
	hole, found := t.find(g)
	if !found {
		return false
	}
	size := len(t.slots)
	for at := (hole + 1) % size; t.slots[at] != (tag{}); at = (at + 1) % size {
		home := t.home(t.slots[at])
		if (at-home+size)%size >= (at-hole+size)%size {
			t.slots[hole] = t.slots[at]
			hole = at
		}
	}
	t.slots[hole] = tag{}
	t.n--
	return true
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]tag, max(8, len(old)*4/3))
	for _, g := range old {
		if g != (tag{}) {
			at, _ := t.find(g)
			t.slots[at] = g
		}
	}
}
