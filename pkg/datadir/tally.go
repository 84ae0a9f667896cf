package datadir

import "math/bits"

// tally remembers of each entry in a row, at one bit an entry, whether it can
// have made a revision.
type tally struct {
	first uint64 // index of the first entry
	n     uint64
	words []uint64
}

// next is the index that the next entry in the row would have.
func (t *tally) next() uint64 { return t.first + t.n }

// restart empties the row; the next entry will be at index first.
func (t *tally) restart(first uint64) { *t = tally{first: first, words: t.words[:0]} }

// cut drops the entries from index on.
func (t *tally) cut(index uint64) {
	if index >= t.next() {
		return
	}
	t.n = index - t.first
	t.words = t.words[:(t.n+63)/64]
	if rest := t.n % 64; rest != 0 {
		t.words[t.n/64] &= 1<<rest - 1
	}
}

// add appends the entry at next.
func (t *tally) add(counts bool) {
	if t.n%64 == 0 {
		t.words = append(t.words, 0)
	}
	if counts {
		t.words[t.n/64] |= 1 << (t.n % 64)
	}
	t.n++
}

// above counts the entries with an index higher than this one.
func (t *tally) above(index uint64) int64 {
	var skip uint64
	if index >= t.first {
		skip = index - t.first + 1
	}
	if skip >= t.n {
		return 0
	}
	count := bits.OnesCount64(t.words[skip/64] >> (skip % 64))
	for _, word := range t.words[skip/64+1:] {
		count += bits.OnesCount64(word)
	}
	return int64(count)
}
