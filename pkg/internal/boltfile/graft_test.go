package boltfile

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"
)

// TestGraft edits a grafted database as a restore does. It must hold the old
// content with the edits, pass bbolt's own check, and differ from before in
// nothing but the meta pages and what follows its old end.
func TestGraft(t *testing.T) {
	t.Parallel()
	for _, form := range forms() {
		t.Run(form.String(), func(t *testing.T) {
			t.Parallel()
			path, want := history(t, form, 7)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			end := open(t, path).Size()
			graft(t, path)
			grafted := open(t, path).Meta()
			if at := uint64(end) / uint64(form.pageSize); grafted.Freelist != at || grafted.Pages != at+1 {
				t.Errorf("the free list is page %d of %d, want it at the old end, %d", grafted.Freelist, grafted.Pages, at)
			}
			freePages := edit(t, path, form, want)
			if freePages != 0 {
				t.Errorf("bbolt found %d free pages: it was not led past the walk", freePages)
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			metas := 2 * form.pageSize
			if !bytes.Equal(before[metas:end], after[metas:end]) {
				t.Error("pages between the meta pages and the old end have changed")
			}
			f := open(t, path)
			got, err := readAll(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got) %.500s", diff)
			}
			if f.Meta().HasFree {
				t.Error("the empty free list is still in force: free pages are lost")
			}
			if err := boltCheck(path); err != nil {
				t.Error(err)
			}
		})
	}
}

func graft(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := Graft(f, info.Size()); err != nil {
		t.Fatal(err)
	}
}

// edit changes every bucket, drops one and adds one, in one transaction.
func edit(t *testing.T, path string, f form, want contents) (freePages int) {
	t.Helper()
	db := openBolt(t, path, form{f.pageSize, false})
	defer db.Close()
	err := db.Update(func(tx *bbolt.Tx) error {
		freePages = tx.DB().Stats().FreePageN
		if err := tx.DeleteBucket([]byte("overflow")); err != nil {
			return err
		}
		delete(want, "overflow")
		want["new"] = map[string]string{}
		for name, entries := range want {
			b, err := tx.CreateBucketIfNotExists([]byte(name))
			if err != nil {
				return err
			}
			for key := range maps.Clone(entries) {
				if err := b.Delete([]byte(key)); err != nil {
					return err
				}
				delete(entries, key)
				break
			}
			if err := b.Put([]byte("edited"), []byte(name)); err != nil {
				return err
			}
			entries["edited"] = name
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return freePages
}

func boltCheck(path string) (err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bbolt.Tx) error {
		var all error
		for err := range tx.Check() {
			all = errors.Join(all, err)
		}
		return all
	})
}

func TestGraftRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	garbage := bytes.Repeat([]byte("garbage "), 1024)
	path := write(t, garbage)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Graft(f, int64(len(garbage))); !errors.Is(err, ErrNotBolt) {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, garbage) {
		t.Errorf("the file was changed, %v", err)
	}
}
