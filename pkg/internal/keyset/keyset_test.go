package keyset

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

// TestAgainstMap runs random additions and removals beside a map.
func TestAgainstMap(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	set, want := New(), map[string]bool{}
	for i := range 400_000 {
		key := fmt.Sprintf("/registry/pods/%d", rng.IntN(20_000))
		if rng.IntN(3) > 0 {
			if added := set.Add([]byte(key)); added == want[key] {
				t.Fatalf("step %d: Add(%s) = %v, in the map: %v", i, key, added, want[key])
			}
			want[key] = true
		} else {
			set.Remove([]byte(key))
			delete(want, key)
		}
		if set.Len() != len(want) {
			t.Fatalf("step %d: %d keys, want %d", i, set.Len(), len(want))
		}
	}
}

// TestMemoryPerKey holds the promise of at most 16 bytes a key at every size.
func TestMemoryPerKey(t *testing.T) {
	set := New()
	for i := range 700_000 {
		set.Add(fmt.Appendf(nil, "/registry/events/default/event-%d", i))
		if i < 100_000 || i%20_000 != 0 {
			continue
		}
		bytes := 0
		for _, table := range set.tables {
			bytes += cap(table.slots) * len(tag{})
		}
		if perKey := float64(bytes) / float64(i+1); perKey > 16 {
			t.Fatalf("%.1f bytes a key at %d keys", perKey, i+1)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if perKey := float64(m.HeapAlloc) / float64(set.Len()); perKey > 16 {
		t.Errorf("the heap holds %.1f bytes a key", perKey)
	}
	runtime.KeepAlive(set)
}
