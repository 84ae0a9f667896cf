package datadir

import (
	"math/rand/v2"
	"testing"
)

// TestTallyAgainstSlice does the same to a tally and to a plain slice.
func TestTallyAgainstSlice(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	var tl tally
	var model []bool
	for range 20_000 {
		switch random.IntN(50) {
		case 0:
			first := random.Uint64N(1000)
			tl.restart(first)
			model = nil
		case 1, 2:
			keep := random.IntN(len(model) + 1)
			tl.cut(tl.first + uint64(keep))
			model = model[:keep]
		default:
			counts := random.IntN(3) > 0
			tl.add(counts)
			model = append(model, counts)
		}
		if tl.next() != tl.first+uint64(len(model)) {
			t.Fatalf("next is %d, want %d", tl.next(), tl.first+uint64(len(model)))
		}
		index := random.Uint64N(tl.next() + 3)
		var want int64
		for i, counts := range model {
			if counts && tl.first+uint64(i) > index {
				want++
			}
		}
		if got := tl.above(index); got != want {
			t.Fatalf("%d above %d in %d from %d, want %d", got, index, len(model), tl.first, want)
		}
	}
}
