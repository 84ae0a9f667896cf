package boltfile

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
)

// pages finds pages of a database by what they are.
type pages struct {
	branch, leaf, overflow, free, list int64 // page ids, 0: none
}

func findPages(t *testing.T, path string) pages {
	t.Helper()
	db, err := bbolt.Open(path, 0, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var found pages
	err = db.View(func(tx *bbolt.Tx) error {
		for id := 2; ; id++ {
			p, err := tx.Page(id)
			if p == nil || err != nil {
				return err
			}
			switch {
			case p.Type == "branch" && p.Count > 2:
				found.branch = int64(id)
			case p.Type == "leaf" && p.OverflowCount > 0:
				found.overflow = int64(id)
			case p.Type == "leaf" && p.Count > 2 && found.leaf == 0:
				found.leaf = int64(id)
			case p.Type == "free":
				found.free = int64(id)
			case p.Type == "freelist":
				found.list = int64(id)
			}
			id += p.OverflowCount
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestDamage breaks a sound database in one way at a time.
func TestDamage(t *testing.T) {
	t.Parallel()
	const size = 4096
	path, _ := history(t, form{pageSize: size, freelist: true}, 3)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	p := findPages(t, path)
	if p.branch == 0 || p.leaf == 0 || p.overflow == 0 || p.free == 0 || p.list == 0 {
		t.Fatalf("the database lacks a kind of page: %+v", p)
	}
	meta := open(t, path).Meta()
	le := binary.LittleEndian
	u16 := func(n uint16) []byte { return le.AppendUint16(nil, n) }
	u32 := func(n uint32) []byte { return le.AppendUint32(nil, n) }
	u64 := func(n uint64) []byte { return le.AppendUint64(nil, n) }
	last := uint32(meta.Pages)
	child := sound[p.branch*size+headerSize+8:][:8]
	for name, tc := range map[string]struct {
		page, off int64
		bytes     []byte
		want      string
	}{
		"page id":                        {p.leaf, 0, u64(7777), "calls itself page 7777"},
		"page flags":                     {p.leaf, 8, u16(flagMeta), "neither branch nor leaf"},
		"more elements than fit":         {p.leaf, 10, u16(0xFFFF), "do not fit"},
		"fewer elements":                 {p.leaf, 10, u16(1), "data of element 0 starts at"},
		"overflow past the end":          {p.overflow, 12, u32(last), "past the end of the database"},
		"overflow past 2^63":             {p.overflow, 12, u32(0xFFFFFFFF), "past the end of the database"},
		"one overflow page":              {p.leaf, 12, u32(1), ""}, // what it says depends on what bbolt has put there
		"overflow cut":                   {p.overflow, 12, u32(0), "reaches past the page"},
		"no children":                    {p.branch, 10, u16(0), "without children"},
		"element past the page":          {p.leaf, headerSize + 4, u32(0xFFFFFFF0), "reaches past the page"},
		"key past the page":              {p.leaf, headerSize + 8, u32(0xFFFFFFFF), "reaches past the page"},
		"value past the page":            {p.leaf, headerSize + 12, u32(0xFFFFFFFF), "reaches past the page"},
		"element moved":                  {p.leaf, headerSize + elemSize + 4, u32(100), "data of element 1 starts at"},
		"unknown element flags":          {p.leaf, headerSize, u32(8), "unknown flags"},
		"a bucket in a bucket":           {p.leaf, headerSize, u32(elemBucket), "etcd nests none"},
		"branch key past the page":       {p.branch, headerSize + 4, u32(0xFFFFFFF0), "reaches past the page"},
		"branch element moved":           {p.branch, headerSize, u32(200), "data of element 0 starts at"},
		"child outside":                  {p.branch, headerSize + 8, u64(uint64(last)), "outside the database"},
		"child is a meta page":           {p.branch, headerSize + 8, u64(1), "outside the database"},
		"child at 2^64-1":                {p.branch, headerSize + 8, u64(1<<64 - 1), "outside the database"},
		"cycle":                          {p.branch, headerSize + 8, u64(uint64(p.branch)), "is reached twice"},
		"two branches to one child":      {p.branch, headerSize + elemSize + 8, child, "is reached twice"},
		"child is the free list":         {p.branch, headerSize + 8, u64(uint64(p.list)), "neither branch nor leaf"},
		"no free list":                   {p.list, 8, u16(flagLeaf), "not those of a free list"},
		"more free pages than fit":       {p.list, 10, u16(0xFFFE), "do not fit on the free list"},
		"free page outside":              {p.list, headerSize, u64(uint64(last)), "is outside the database"},
		"free page in use":               {p.list, headerSize, u64(uint64(p.leaf)), "in use, or on the list twice"},
		"free page missing":              {p.list, 10, u16(0), "neither in use nor on the free list"},
		"meta page calls itself another": {int64(1 - meta.Slot), 0, u64(9), "calls itself page 9"},
		"meta page with other flags":     {int64(meta.Slot), 8, u16(flagLeaf), "not those of a meta page"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := slices.Clone(sound)
			copy(broken[tc.page*size+tc.off:], tc.bytes)
			found := damageIn(t, write(t, broken))
			if !slices.ContainsFunc(found, func(d *Damage) bool { return strings.Contains(d.Text, tc.want) }) {
				t.Errorf("page %d: no %q in %v", tc.page, tc.want, found)
			}
		})
	}
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	path := t.TempDir() + "/db"
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNeedlessOverflow catches a page that claims more pages than its elements
// need: without a free list nothing else tells that they were not its own.
func TestNeedlessOverflow(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: 1024}, 3)
	p := findPages(t, path)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A leaf before a free page.
	f := open(t, path)
	s := f.NewScan(t.Context(), Scan{})
	buckets, err := s.Buckets()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range buckets {
		if err := s.Walk(b, func(_, _ []byte) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	used := func(id uint64) bool { return s.seen[id/64]&(1<<(id%64)) != 0 }
	for id := uint64(2); id+1 < f.Meta().Pages; id++ {
		page, err := f.page(id)
		if err != nil || page.flags != flagLeaf || len(page.data) > 1024 || !used(id) || used(id+1) {
			continue
		}
		broken := slices.Clone(sound)
		broken[id*1024+12] = 1
		if found := damageIn(t, write(t, broken)); len(found) != 1 || !strings.Contains(found[0].Text, "more pages than") {
			t.Errorf("page %d: %v", id, found)
		}
		return
	}
	t.Fatalf("no leaf lies before a free page: %+v", p)
}

// TestManyFreePages is a free list that counts its pages in its first entry.
func TestManyFreePages(t *testing.T) {
	t.Parallel()
	form := form{pageSize: minPageSize, freelist: true}
	path := t.TempDir() + "/db"
	db := openBolt(t, path, form)
	put := func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("b"))
		if err != nil {
			return err
		}
		return b.Put([]byte("big"), make([]byte, 70_000*minPageSize))
	}
	remove := func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("b")) }
	for _, step := range []func(*bbolt.Tx) error{put, remove, func(*bbolt.Tx) error { return nil }} {
		if err := db.Update(step); err != nil {
			t.Fatal(err)
		}
	}
	db.Close()
	f := open(t, path)
	list, err := f.page(f.Meta().Freelist)
	if err != nil || list.count != 0xFFFF {
		t.Fatalf("the free list counts %d pages in its header, %v", list.count, err)
	}
	if found := damageIn(t, path); found != nil {
		t.Errorf("damage in a sound file: %v", found)
	}
	poke(t, path, int64(f.Meta().Freelist)*minPageSize+headerSize, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF)
	if found := damageIn(t, path); len(found) == 0 || !strings.Contains(found[0].Text, "do not fit") {
		t.Errorf("2^64-1 free pages: %v", found)
	}
}

// TestTruncated cuts a database at every page and around it.
func TestTruncated(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: 4096}, 4)
	pages := int64(open(t, path).Meta().Pages)
	for page := pages - 1; page >= 0; page-- {
		for _, more := range []int64{4095, 2048, 80, 1, 0} {
			if err := os.Truncate(path, page*4096+more); err != nil {
				t.Fatal(err)
			}
			_, err := tryOpen(t, path)
			if damage := (*Damage)(nil); !errors.As(err, &damage) && !errors.Is(err, ErrNotBolt) {
				t.Fatalf("%d of %d pages and %d bytes: %v", page, pages, more, err)
			}
		}
	}
}

// TestRandomDamage overwrites random bytes, checksum of the meta page put
// right: damage or none, but never a panic.
func TestRandomDamage(t *testing.T) {
	t.Parallel()
	for i, form := range []form{{1024, false}, {1024, true}, {4096, true}} {
		path, _ := history(t, form, 5)
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rng := rand.New(rand.NewPCG(9, uint64(i)))
		damaged := 0
		for range 100 {
			broken := slices.Clone(sound)
			var at []int
			for range 1 + rng.IntN(8) {
				off := rng.IntN(len(broken)/form.pageSize)*form.pageSize + rng.IntN(64)
				broken[off] = []byte{0, 1, 0x7F, 0xFF, byte(rng.Uint32())}[rng.IntN(5)]
				at = append(at, off)
			}
			fixMeta(broken, form.pageSize)
			rewrite(t, path, broken, at, form.pageSize)
			if len(damageIn(t, path)) > 0 {
				damaged++
			}
			rewrite(t, path, sound, at, form.pageSize)
		}
		if damaged < 66 {
			t.Errorf("%s: only %d of 100 damaged files were noticed", form, damaged)
		}
	}
}

// rewrite writes the bytes of b at the given places and both meta pages.
func rewrite(t *testing.T, path string, b []byte, at []int, pageSize int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b[:2*pageSize], 0); err != nil {
		t.Fatal(err)
	}
	for _, off := range at {
		if _, err := f.WriteAt(b[off:off+1], int64(off)); err != nil {
			t.Fatal(err)
		}
	}
}

// fixMeta puts the checksums of both meta pages right.
func fixMeta(b []byte, pageSize int) {
	for slot := range 2 {
		meta := b[slot*pageSize+headerSize:]
		copy(meta, binary.LittleEndian.AppendUint32(nil, magic))
		copy(meta[4:], binary.LittleEndian.AppendUint32(nil, version))
		copy(meta[8:], binary.LittleEndian.AppendUint32(nil, uint32(pageSize)))
		binary.LittleEndian.PutUint64(meta[56:], checksum(meta))
	}
}

func TestMetaRefused(t *testing.T) {
	t.Parallel()
	path, _ := history(t, form{pageSize: 4096}, 6)
	sound, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	for name, tc := range map[string]struct {
		off   int
		value uint64
		bytes int
		want  string
	}{
		"magic":              {0, 1, 4, "magic"},
		"version":            {4, 3, 4, "version 3"},
		"page size 0":        {8, 0, 4, "page size 0"},
		"page size 4095":     {8, 4095, 4, "page size 4095"},
		"page size 512":      {8, 512, 4, "page size 512"},
		"page size 2^31":     {8, 1 << 31, 4, "page size 2147483648"},
		"root is meta":       {16, 1, 8, "root page 1 is outside"},
		"root is far":        {16, 1 << 60, 8, "is outside the database"},
		"2^63 pages":         {40, 1 << 63, 8, "cut short"},
		"2^64-1 pages":       {40, 1<<64 - 1, 8, "cut short"},
		"no pages":           {40, 0, 8, "is outside the database"},
		"larger page size":   {8, 8192, 4, "cut short"},
		"pages times size 0": {40, 1 << 52, 8, "cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := slices.Clone(sound)
			for slot := range 2 {
				meta := broken[slot*4096+headerSize:]
				copy(meta[tc.off:tc.off+tc.bytes], le.AppendUint64(nil, tc.value))
				le.PutUint64(meta[56:], checksum(meta))
			}
			if _, err := tryOpen(t, write(t, broken)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	if _, err := tryOpen(t, write(t, []byte("short"))); !errors.Is(err, ErrNotBolt) {
		t.Errorf("a few bytes: %v", err)
	}
}
