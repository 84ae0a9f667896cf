//go:build linux

package boltfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// TestTruncatedWhileRead cuts the file underneath a pass, at which any access
// to the mapping faults: an error, and the process lives.
func TestTruncatedWhileRead(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: 4096}, 8)
	f := open(t, path)
	deep, _, err := f.Bucket("deep")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = f.Walk(deep, func(k, v []byte) error {
		if n++; n == 10 {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}
		_ = bytes.Count(k, []byte{0}) + bytes.Count(v, []byte{0})
		return nil
	})
	if !errors.Is(err, errShrunk) || n > 10 {
		t.Errorf("after %d entries: %v", n, err)
	}
	if _, _, err := f.Last(deep); !errors.Is(err, errShrunk) {
		t.Errorf("last key: %v", err)
	}
	if _, _, err := f.Get(deep, []byte("x")); !errors.Is(err, errShrunk) {
		t.Errorf("get: %v", err)
	}
	if _, err := f.Buckets(); !errors.Is(err, errShrunk) {
		t.Errorf("buckets: %v", err)
	}
	s := f.NewScan(t.Context(), Scan{})
	if err := s.CheckFree(); !errors.Is(err, errShrunk) {
		t.Errorf("check of the free pages: %v", err)
	}
	if _, err := tryOpen(t, path); !errors.Is(err, ErrNotBolt) {
		t.Errorf("open: %v", err)
	}
}

// TestGuardPassesOtherPanics makes sure that a bug is not taken for damage.
func TestGuardPassesOtherPanics(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: 4096}, 8)
	f := open(t, path)
	defer func() {
		if recover() != "a bug" {
			t.Error("the panic did not come through")
		}
	}()
	_ = f.Guard(func() error { panic("a bug") })
}

func TestScanEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: 1024}, 8)
	f := open(t, path)
	deep, _, err := f.Bucket("deep")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err = f.NewScan(ctx, Scan{}).Walk(deep, func(_, _ []byte) error {
		n++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || n == 0 || n > 100 {
		t.Errorf("after %d entries: %v", n, err)
	}
}

// TestResidentWindow reads 200 MB and watches how much of it stays mapped in.
func TestResidentWindow(t *testing.T) {
	t.Parallel()
	const pageSize, value, count = 4096, 100_000, 2100
	path := t.TempDir() + "/db"
	db := openBolt(t, path, form{pageSize: pageSize})
	db.AllocSize = 16 << 20
	for i := 0; i < count; i += 300 {
		err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("b"))
			if err != nil {
				return err
			}
			b.FillPercent = 1
			for j := i; j < i+300; j++ {
				if err := b.Put(fmt.Appendf(nil, "%08d", j), make([]byte, value)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	if f.Size() < 200e6 {
		t.Fatalf("the database has only %d bytes", f.Size())
	}
	b, _, err := f.Bucket("b")
	if err != nil {
		t.Fatal(err)
	}
	var n, zeros, peak int
	err = f.Walk(b, func(_, v []byte) error {
		zeros += bytes.Count(v, []byte{0})
		if n++; n%40 == 0 {
			peak = max(peak, residentOf(t, path))
		}
		return nil
	})
	if err != nil || zeros != count*value {
		t.Fatalf("%d of %d bytes, %v", zeros, count*value, err)
	}
	t.Logf("%d MiB of %d at most", peak>>20, f.Size()>>20)
	if peak == 0 || peak > 2*window {
		t.Errorf("%d bytes of the mapping were resident, want at most %d", peak, 2*window)
	}
}

// residentOf is how much of the mapping of the file at path is in memory.
func residentOf(t *testing.T, path string) int {
	t.Helper()
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	_, mine, found := strings.Cut(string(smaps), path)
	if !found {
		t.Fatalf("%s is not mapped", path)
	}
	_, rss, _ := strings.Cut(mine, "Rss:")
	kb, err := strconv.Atoi(strings.Fields(rss)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
