package datadir

import (
	"hash/crc32"
	"math/bits"
	"sort"

	"go.etcd.io/raft/v3/raftpb"
)

// row remembers of every entry that stands, one after the other, what is needed
// to tell two logs apart and to count revisions: its term, a checksum, and
// whether it can have made a revision. That is a little over four bytes an entry.
type row struct {
	first    uint64   // index of the first entry
	sums     []uint32 // of the entries' content
	requests []uint64 // a bit for each entry that carries a request
	terms    []termRun
}

// termRun are the entries of one term: from this index to the next run.
type termRun struct{ from, term uint64 }

// next is the index that the next entry in the row would have.
func (r *row) next() uint64 { return r.first + uint64(len(r.sums)) }

// restart empties the row; the next entry will be at index first.
func (r *row) restart(first uint64) {
	*r = row{first: first, sums: r.sums[:0], requests: r.requests[:0], terms: r.terms[:0]}
}

// cut drops the entries from index on.
func (r *row) cut(index uint64) {
	if index >= r.next() {
		return
	}
	n := index - r.first
	r.sums = r.sums[:n]
	r.requests = r.requests[:(n+63)/64]
	if rest := n % 64; rest != 0 {
		r.requests[n/64] &= 1<<rest - 1
	}
	for len(r.terms) > 0 && r.terms[len(r.terms)-1].from >= index {
		r.terms = r.terms[:len(r.terms)-1]
	}
}

// add appends an entry at next.
func (r *row) add(e *raftpb.Entry) {
	n, at := uint64(len(r.sums)), r.next()
	if n%64 == 0 {
		r.requests = append(r.requests, 0)
	}
	if e.GetType() == raftpb.EntryNormal && len(e.Data) > 0 { // without data: a new leader's first entry
		r.requests[n/64] |= 1 << (n % 64)
	}
	r.sums = append(r.sums, contentSum(e))
	if len(r.terms) == 0 || r.terms[len(r.terms)-1].term != e.GetTerm() {
		r.terms = append(r.terms, termRun{at, e.GetTerm()})
	}
}

// contentSum is the CRC-32 (Castagnoli) of an entry's type and data.
func contentSum(e *raftpb.Entry) uint32 {
	sum := crc32.Update(0, castagnoli(), []byte{byte(e.GetType())})
	return crc32.Update(sum, castagnoli(), e.Data)
}

// has reports whether there is an entry at index.
func (r *row) has(index uint64) bool { return index >= r.first && index < r.next() }

// at returns the term and the checksum of an entry that is there.
func (r *row) at(index uint64) (term uint64, sum uint32) {
	after := sort.Search(len(r.terms), func(i int) bool { return r.terms[i].from > index })
	return r.terms[after-1].term, r.sums[index-r.first]
}

// above counts the requests with an index higher than this one.
func (r *row) above(index uint64) int64 {
	var skip uint64
	if index >= r.first {
		skip = index - r.first + 1
	}
	if skip >= uint64(len(r.sums)) {
		return 0
	}
	count := bits.OnesCount64(r.requests[skip/64] >> (skip % 64))
	for _, word := range r.requests[skip/64+1:] {
		count += bits.OnesCount64(word)
	}
	return int64(count)
}
