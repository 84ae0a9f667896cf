package boltfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
)

// contents are buckets, keys and values.
type contents map[string]map[string]string

// form says how bbolt is to write a database.
type form struct {
	pageSize int
	freelist bool // in the file
}

func (f form) String() string {
	return fmt.Sprintf("page size %d, free list %v", f.pageSize, f.freelist)
}

func forms() []form {
	var all []form
	for size := minPageSize; size <= MaxPageSize; size *= 2 {
		all = append(all, form{size, false}, form{size, true})
	}
	return all
}

func openBolt(t testing.TB, path string, f form) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{
		PageSize: f.pageSize, NoFreelistSync: !f.freelist, NoSync: true, NoGrowSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		t.Fatal(err)
	}
	db.AllocSize = f.pageSize // no unused tail
	return db
}

// history makes a database in several transactions: a bucket without keys, one
// that fits inline, one with overflow pages, one so deep that it has branch
// pages below branch pages, and keys that were deleted again.
func history(t testing.TB, f form, seed uint64) (path string, want contents) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "db")
	db := openBolt(t, path, f)
	defer db.Close()
	rng := rand.New(rand.NewPCG(seed, uint64(f.pageSize)))
	want = contents{"empty": {}, "inline": {}, "overflow": {}, "deep": {}}
	for round := range 4 {
		err := db.Update(func(tx *bbolt.Tx) error {
			for _, name := range slices.Sorted(maps.Keys(want)) {
				b, err := tx.CreateBucketIfNotExists([]byte(name))
				if err != nil {
					return err
				}
				if err := change(rng, b, name, want[name], round, f.pageSize); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return path, want
}

func change(rng *rand.Rand, b *bbolt.Bucket, name string, entries map[string]string, round, pageSize int) error {
	puts, size := 0, 0
	switch name {
	case "inline":
		puts, size = 3, 12
	case "overflow":
		puts, size = 4, 3*pageSize
	case "deep":
		puts, size = 700, 40
	}
	for range puts {
		key := fmt.Sprintf("%s-%06d", name, rng.IntN(1_000_000))
		if name == "deep" { // long keys: few to a branch page
			key += string(bytes.Repeat([]byte{'k'}, min(pageSize/8, 900)))
		}
		value := make([]byte, rng.IntN(size+1))
		for i := range value {
			value[i] = byte(rng.Uint32())
		}
		if err := b.Put([]byte(key), value); err != nil {
			return err
		}
		entries[key] = string(value)
	}
	if round == 0 {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if rng.IntN(3) > 0 {
			continue
		}
		if err := b.Delete([]byte(key)); err != nil {
			return err
		}
		delete(entries, key)
	}
	return nil
}

// open opens a database and closes it when the test ends.
func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := tryOpen(t, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// tryOpen opens a database. The mapping outlives the descriptor.
func tryOpen(t testing.TB, path string) (*File, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return New(f, info.Size())
}

// readAll makes one pass over everything, which must be without damage, and tells of all.
func readAll(ctx context.Context, f *File) (contents, error) {
	got := contents{}
	told := int64(0)
	s := f.NewScan(ctx, Scan{Progress: func(n int64) { told += n }})
	buckets, err := s.Buckets()
	if err != nil {
		return nil, err
	}
	for _, b := range buckets {
		got[b.Name] = map[string]string{}
		err := s.Walk(b, func(k, v []byte) error {
			got[b.Name][string(k)] = string(v)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if err := s.CheckFree(); err != nil {
		return nil, err
	}
	if told != f.Size() {
		return nil, fmt.Errorf("progress told of %d of %d bytes", told, f.Size())
	}
	return got, nil
}

// damageIn makes one pass past all damage and returns it. Whatever fails in
// another way fails the test.
func damageIn(t testing.TB, path string) []*Damage {
	t.Helper()
	var found []*Damage
	f, err := tryOpen(t, path)
	if d := (*Damage)(nil); errors.As(err, &d) {
		return []*Damage{d}
	} else if err != nil {
		t.Fatalf("%T %v", err, err)
	}
	defer f.Close()
	s := f.NewScan(t.Context(), Scan{Damaged: func(d *Damage) error {
		found = append(found, d)
		return nil
	}})
	buckets, err := s.Buckets()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		if err := s.Walk(b, func(_, _ []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
		_, _, _ = f.Get(b, []byte("m")) // must not panic
		_, _, _ = f.Last(b)
	}
	if err := s.CheckFree(); err != nil {
		t.Fatal(err)
	}
	return found
}
