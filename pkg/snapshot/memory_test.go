package snapshot_test

import (
	"path/filepath"
	"runtime"
	"testing"

	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
	"github.com/etcd-restore/etcd-restore/test/bench/fixture"
)

// heapWatch is a progress that measures what is live on the heap every few
// megabytes.
type heapWatch struct {
	read, next int64
	peak       uint64
}

func (*heapWatch) Start(string, int64) {}
func (*heapWatch) Finish()             {}

func (h *heapWatch) Add(n int64) {
	if h.read += n; h.read >= h.next {
		h.next += 4 << 20
		h.peak = max(h.peak, liveHeap())
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryPerKey holds status to 16 bytes a key above a fixed base. It is not
// parallel: nothing else may use the heap meanwhile.
func TestMemoryPerKey(t *testing.T) {
	const keys, base = 320_000, 2 << 20 // base: the buffer of the digest, and slack
	path := filepath.Join(t.TempDir(), "large.db")
	if err := fixture.Write(path, fixture.Options{Keys: keys, Bytes: 80 << 20}); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	liveHeap() // pools let go of what the fixture needed at the second collection
	before := liveHeap()
	w := &heapWatch{}
	st, err := f.ReadStatus(t.Context(), snapshot.StatusOptions{Digest: true, Progress: w})
	if err != nil || st.TotalKey != keys {
		t.Fatalf("%+v, %v", st, err)
	}
	used := int64(w.peak) - int64(before)
	t.Logf("%d KiB above %d KiB, %.1f bytes a key", used>>10, before>>10, float64(used)/keys)
	if w.peak == 0 || used > base+16*keys {
		t.Errorf("%d bytes for %d keys, want at most %d", used, keys, base+16*keys)
	}
}
