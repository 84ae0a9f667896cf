package datadir

import (
	"math/rand/v2"
	"testing"

	"go.etcd.io/raft/v3/raftpb"
)

// TestRowAgainstSlice does the same to a row and to a plain slice of entries.
func TestRowAgainstSlice(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	var r row
	var model []*raftpb.Entry
	term := uint64(1)
	for range 20_000 {
		switch random.IntN(50) {
		case 0:
			r.restart(random.Uint64N(1000))
			model = nil
		case 1, 2:
			keep := random.IntN(len(model) + 1)
			r.cut(r.first + uint64(keep))
			model = model[:keep]
			term++
		default:
			e := &raftpb.Entry{Type: raftpb.EntryNormal.Enum(), Term: &[]uint64{term}[0]}
			if random.IntN(3) > 0 {
				e.Data = []byte{byte(random.IntN(256))}
			} else if random.IntN(3) == 0 {
				e.Type = raftpb.EntryConfChange.Enum()
				e.Data = []byte{1}
			}
			r.add(e)
			model = append(model, e)
		}
		requireRow(t, &r, model, random.Uint64N(r.next()+3))
	}
}

func requireRow(t *testing.T, r *row, model []*raftpb.Entry, index uint64) {
	t.Helper()
	if r.next() != r.first+uint64(len(model)) {
		t.Fatalf("next is %d, want %d", r.next(), r.first+uint64(len(model)))
	}
	if inside := index >= r.first && index < r.next(); r.has(index) != inside {
		t.Fatalf("has %d is %t, the row is %d to %d", index, r.has(index), r.first, r.next())
	}
	if r.has(index) {
		e := model[index-r.first]
		if term, sum := r.at(index); term != e.GetTerm() || sum != contentSum(e) {
			t.Fatalf("entry %d has term %d and sum %x, want %d and %x", index, term, sum, e.GetTerm(), contentSum(e))
		}
	}
	var want int64
	for i, e := range model {
		if e.GetType() == raftpb.EntryNormal && len(e.Data) > 0 && r.first+uint64(i) > index {
			want++
		}
	}
	if got := r.above(index); got != want {
		t.Fatalf("%d above %d in %d from %d, want %d", got, index, len(model), r.first, want)
	}
}
