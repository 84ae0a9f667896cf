package boltfile

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"testing"

	"go.etcd.io/bbolt"
)

// TestReadsWhatBoltReads compares every way to read with bbolt's own.
func TestReadsWhatBoltReads(t *testing.T) {
	t.Parallel()
	for _, form := range forms() {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			path, want := history(t, form, 1)
			f := open(t, path)
			if f.Meta().PageSize != form.pageSize || f.Meta().HasFree != form.freelist || f.StaleMeta() != nil {
				t.Fatalf("meta page %+v, the other: %v", f.Meta(), f.StaleMeta())
			}
			db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			err = db.View(func(tx *bbolt.Tx) error {
				if f.Size() != tx.Size() {
					t.Errorf("size %d, bbolt says %d", f.Size(), tx.Size())
				}
				compare(t, f, tx, want)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if got, err := readAll(t.Context(), f); err != nil || len(got) != len(want) {
				t.Errorf("a pass over everything: %d buckets, %v", len(got), err)
			}
			if found := damageIn(t, path); found != nil {
				t.Errorf("damage in a sound file: %v", found)
			}
		})
	}
}

type entry struct{ key, value string }

func compare(t *testing.T, f *File, tx *bbolt.Tx, want contents) {
	t.Helper()
	var theirs []string
	err := tx.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		theirs = append(theirs, string(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	buckets, err := f.Buckets()
	if err != nil {
		t.Fatal(err)
	}
	var ours []string
	for _, b := range buckets {
		ours = append(ours, b.Name)
	}
	if !slices.Equal(ours, theirs) || len(ours) != len(want) {
		t.Fatalf("buckets %q, bbolt says %q, written were %d", ours, theirs, len(want))
	}
	for _, b := range buckets {
		compareBucket(t, f, b, tx.Bucket([]byte(b.Name)), want[b.Name])
	}
}

func compareBucket(t *testing.T, f *File, b Bucket, bolt *bbolt.Bucket, want map[string]string) {
	t.Helper()
	var theirs []entry
	if err := bolt.ForEach(func(k, v []byte) error {
		theirs = append(theirs, entry{string(k), string(v)})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	walk := func(reverse bool) (list []entry) {
		err := f.NewScan(t.Context(), Scan{Reverse: reverse}).Walk(b, func(k, v []byte) error {
			list = append(list, entry{string(k), string(v)})
			return nil
		})
		if err != nil {
			t.Fatalf("bucket %s: %v", b.Name, err)
		}
		return list
	}
	if ours := walk(false); !slices.Equal(ours, theirs) || len(ours) != len(want) {
		t.Fatalf("bucket %s: %d entries, bbolt reads %d, written were %d", b.Name, len(ours), len(theirs), len(want))
	}
	back := walk(true)
	slices.Reverse(back)
	if !slices.Equal(back, theirs) {
		t.Errorf("bucket %s reads differently from its end", b.Name)
	}
	for key, value := range want {
		if v, found, err := f.Get(b, []byte(key)); err != nil || !found || string(v) != value {
			t.Fatalf("bucket %s: get %.20s: found %v, %v", b.Name, key, found, err)
		}
	}
	for _, key := range []string{"", "a", "deep-5", "overflow-5", "inline-5", "zzz"} {
		if v, found, err := f.Get(b, []byte(key)); err != nil || found != (bolt.Get([]byte(key)) != nil) {
			t.Errorf("bucket %s: get %q = %q, %v, %v", b.Name, key, v, found, err)
		}
	}
	lastKey, lastValue := bolt.Cursor().Last()
	if k, v, err := f.Last(b); err != nil || !bytes.Equal(k, lastKey) || !bytes.Equal(v, lastValue) || (k == nil) != (lastKey == nil) {
		t.Errorf("bucket %s: last %q, bbolt says %q, %v", b.Name, k, lastKey, err)
	}
}

// TestDeepTree makes sure that the databases above test what they mean to.
func TestDeepTree(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: minPageSize}, 1)
	db := openBolt(t, path, form{pageSize: minPageSize})
	defer db.Close()
	err := db.View(func(tx *bbolt.Tx) error {
		deep, overflow, inline := tx.Bucket([]byte("deep")).Stats(), tx.Bucket([]byte("overflow")).Stats(), tx.Bucket([]byte("inline")).Stats()
		if deep.Depth < 3 || overflow.LeafOverflowN == 0 || inline.InlineBucketN != 1 {
			t.Errorf("deep %+v\noverflow %+v\ninline %+v", deep, overflow, inline)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := db.Stats().FreePageN; got == 0 {
		t.Error("no free pages")
	}
}

func TestBucketByName(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: 4096}, 1)
	f := open(t, path)
	if b, found, err := f.Bucket("deep"); err != nil || !found || b.Name != "deep" {
		t.Errorf("%v %v %v", b, found, err)
	}
	if _, found, err := f.Bucket("shallow"); err != nil || found {
		t.Errorf("%v %v", found, err)
	}
}

// TestOlderMeta damages the meta page in force. bbolt falls back to the state
// before the last commit, and so does this.
func TestOlderMeta(t *testing.T) {
	t.Parallel()
	for _, form := range forms() {
		path, _ := history(t, form, 2)
		slot := open(t, path).Meta().Slot
		poke(t, path, int64(slot*form.pageSize+headerSize), 0) // in its magic number
		f := open(t, path)
		if f.StaleMeta() == nil || f.Meta().Slot == slot {
			t.Errorf("%s: meta page %+v, the other: %v", form, f.Meta(), f.StaleMeta())
		}
		db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.View(func(tx *bbolt.Tx) error {
			if int(f.Meta().TxID) != tx.ID() {
				t.Errorf("%s: transaction %d, bbolt says %d", form, f.Meta().TxID, tx.ID())
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		db.Close()
		poke(t, path, int64((1-slot)*form.pageSize+headerSize), 0)
		if _, err := tryOpen(t, path); !errors.Is(err, ErrNotBolt) {
			t.Errorf("%s, no meta page: %v", form, err)
		}
	}
}

// poke overwrites the byte at off.
func poke(t testing.TB, path string, off int64, b ...byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}
