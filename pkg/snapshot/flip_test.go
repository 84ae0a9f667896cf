package snapshot_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// blind are the places of a database where a flipped bit cannot be told without
// a hash: nothing else in the file depends on them.
//
// Of the pointers it is those that come to lead to a page that a commit freed
// and that still holds an older state of the same keys, or to a page further
// down, past a page that then looks as if it had been freed. Of the lengths of
// values it is those that leave off an end which happens to read as a lease.
func blind() []string {
	return []string{
		"behind the meta",      // the rest of a meta page
		"meta count, overflow", // in its header, which nothing reads
		"free page",
		"behind the elements", // the rest of a page
		"branch key",          // it may lie anywhere between the keys of its children
		"branch key size",     // of the last child: the key becomes longer
		"bucket sequence",     // etcd does not use it
		"bucket name",         // of a bucket that may be missing
		"pointer",
		"sub revision",
		"revision of a delete",
		"user key", "user value", "length of a user value", "create revision", "version", "lease",
		"alarm entry", "auth entry", "cluster entry", "lease entry", "members entry", "members_removed entry", "meta entry",
	}
}

// atlas names every byte of a sound database.
type atlas struct {
	db       []byte
	pageSize int
	class    []string
	used     map[uint64]bool // pages
	above    map[uint64][]uint64
	path     []uint64 // from the root to the page at hand
}

func newAtlas(db []byte) *atlas {
	le := binary.LittleEndian
	a := &atlas{db: db, pageSize: int(le.Uint32(db[24:])), class: make([]string, len(db)), used: map[uint64]bool{}, above: map[uint64][]uint64{}}
	root, newest := uint64(0), uint64(0)
	for slot := range 2 {
		at := slot * a.pageSize
		a.name(at, 10, "meta id, flags")
		a.name(at+10, 6, "meta count, overflow")
		a.name(at+16, 64, "meta")
		a.name(at+80, a.pageSize-80, "behind the meta")
		if txid := le.Uint64(db[at+64:]); txid >= newest {
			root, newest = le.Uint64(db[at+32:]), txid
		}
	}
	a.page(root, "")
	for i, class := range a.class {
		if class == "" {
			a.class[i] = "free page"
		}
	}
	return a
}

func (a *atlas) name(at, n int, class string) {
	for i := range n {
		a.class[at+i] = class
	}
}

// page names the bytes of a page of bucket, "" for the root bucket.
func (a *atlas) page(id uint64, bucket string) {
	at := int(id) * a.pageSize
	n := a.pageSize * int(1+binary.LittleEndian.Uint32(a.db[at+12:]))
	for i := range n / a.pageSize {
		a.used[id+uint64(i)] = true
	}
	a.above[id] = slices.Clone(a.path)
	a.path = append(a.path, id)
	a.content(at, n, bucket)
	a.path = a.path[:len(a.path)-1]
}

func (a *atlas) content(at, n int, bucket string) {
	le := binary.LittleEndian
	a.name(at, n, "behind the elements")
	a.name(at, 16, "page header")
	count := int(le.Uint16(a.db[at+10:]))
	for i := range count {
		e := at + 16 + 16*i
		if a.db[at+8] == 1 { // branch
			a.name(e, 16, "branch element")
			if i == count-1 {
				a.name(e+4, 4, "branch key size")
			}
			a.name(e+8, 8, "pointer")
			a.name(e+int(le.Uint32(a.db[e:])), int(le.Uint32(a.db[e+4:])), "branch key")
			a.page(le.Uint64(a.db[e+8:]), bucket)
			continue
		}
		a.name(e, 16, "leaf element")
		start := e + int(le.Uint32(a.db[e+4:]))
		mid := start + int(le.Uint32(a.db[e+8:]))
		a.leaf(bucket, start, mid, mid+int(le.Uint32(a.db[e+12:])))
	}
}

func (a *atlas) leaf(bucket string, start, mid, end int) {
	switch bucket {
	case "":
		a.bucket(start, mid, end)
	case "key":
		a.name(start, mid-start, "revision")
		a.name(start+9, 8, "sub revision")
		if mid-start == 18 {
			a.name(start, 8, "revision of a delete")
		}
		a.keyValue(mid, end)
	default:
		a.name(start, end-start, bucket+" entry")
	}
}

func (a *atlas) bucket(start, mid, end int) {
	name := string(a.db[start:mid])
	a.name(start, mid-start, "bucket name")
	if name == "key" || name == "meta" {
		a.name(start, mid-start, "name of a bucket that must be there")
	}
	a.name(mid, 8, "pointer")
	a.name(mid+8, 8, "bucket sequence")
	if root := binary.LittleEndian.Uint64(a.db[mid:]); root != 0 {
		a.page(root, name)
	} else {
		a.content(mid+16, end-mid-16, name)
	}
}

func (a *atlas) keyValue(at, end int) {
	a.name(at, end-at, "frame of a value")
	fields := []string{1: "user key", 2: "create revision", 3: "mod revision", 4: "version", 5: "user value", 6: "lease"}
	for at < end {
		num, typ, n := protowire.ConsumeTag(a.db[at:end])
		at += n
		n = protowire.ConsumeFieldValue(num, typ, a.db[at:end])
		at += n
		if typ == protowire.BytesType {
			b, _ := protowire.ConsumeBytes(a.db[at-n : at])
			if num == 5 {
				a.name(at-n, n, "length of a user value")
			}
			n = len(b) // the length is frame
		}
		a.name(at-n, n, fields[num])
	}
}

// positions are the bits to flip: all that make up the structure, and a sample
// of the rest.
func (a *atlas) positions() []int {
	const perClass = 1000
	structure := []string{"meta", "meta id, flags", "page header", "branch element", "branch key size", "pointer", "revision of a delete"}
	by := map[string][]int{}
	for i, class := range a.class {
		for bit := range 8 {
			by[class] = append(by[class], i*8+bit)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var all []int
	for _, class := range slices.Sorted(maps.Keys(by)) {
		list := by[class]
		if len(list) > perClass && !slices.Contains(structure, class) {
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			list = list[:perClass]
		}
		all = append(all, list...)
	}
	return all
}

// astray reports whether the flipped bit makes a pointer lead to a page that is
// not in use, or to one below the page that it should lead to.
func (a *atlas) astray(bit int) bool {
	at := bit / 8
	for a.class[at-1] == "pointer" {
		at--
	}
	id := binary.LittleEndian.Uint64(a.db[at:])
	to := id ^ 1<<(bit-at*8)
	return to < uint64(len(a.db)/a.pageSize) && (!a.used[to] || slices.Contains(a.above[to], id))
}

// TestFlippedBit flips one bit at a time. With a trailer no flip may pass. In
// the database alone a flip may pass only where it cannot be told.
func TestFlippedBit(t *testing.T) {
	t.Parallel()
	for name, sound := range map[string][]byte{"synthetic": small(t), "etcd 3.7": ofServer(t)} {
		a := newAtlas(cut(sound))
		bits := a.positions()
		if len(bits) < 20_000 {
			t.Errorf("%s: only %d bits to flip", name, len(bits))
		}
		for i := range len(bits) / thin {
			bits[i] = bits[i*thin]
		}
		bits = bits[:len(bits)/thin]
		const parts = 2
		for part := range parts {
			t.Run(fmt.Sprintf("%s, part %d", name, part), func(t *testing.T) {
				t.Parallel()
				flipAll(t, sound, a, bits[len(bits)*part/parts:len(bits)*(part+1)/parts])
			})
		}
	}
}

func flipAll(t *testing.T, sound []byte, a *atlas, bits []int) {
	t.Helper()
	whole, bare := newFlipper(t, sound), newFlipper(t, a.db)
	undetected := map[string]int{}
	for n, bit := range bits {
		if n%4 == 0 { // the hash does not care which one it is
			whole.flip(bit, func() {
				if report := verify(t, whole.path); report != nil && report.OK() {
					t.Errorf("bit %d (%s) flipped in a file with a trailer: OK", bit, a.class[bit/8])
				}
			})
		}
		bare.flip(bit, func() {
			if structure(t, bare.path) == nil {
				undetected[a.class[bit/8]]++
				if a.class[bit/8] == "pointer" && !a.astray(bit) {
					t.Errorf("bit %d: a flipped pointer was not noticed, though its page is in use elsewhere", bit)
				}
			}
		})
	}
	for class, n := range undetected {
		if !slices.Contains(blind(), class) {
			t.Errorf("%d flipped bits were not noticed in %s", n, class)
		}
	}
	t.Logf("%d bits; not noticed without the hash: %v", len(bits), undetected)
	for i := range snapshot.TrailerSize {
		whole.flip((len(a.db)+i)*8+i%8, func() {
			if report := verify(t, whole.path); report == nil || report.OK() || report.Trailer != snapshot.TrailerMismatched {
				t.Errorf("byte %d of the trailer flipped: %+v", i, report)
			}
		})
	}
}

// flipper flips bits of a file in place.
type flipper struct {
	t    *testing.T
	path string
	b    []byte
	f    *os.File
}

func newFlipper(t *testing.T, b []byte) *flipper {
	t.Helper()
	path := write(t, b)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &flipper{t, path, b, f}
}

func (f *flipper) flip(bit int, look func()) {
	f.t.Helper()
	at := int64(bit / 8)
	f.put(at, f.b[at]^1<<(bit%8))
	look()
	f.put(at, f.b[at])
}

func (f *flipper) put(at int64, b byte) {
	f.t.Helper()
	if _, err := f.f.WriteAt([]byte{b}, at); err != nil {
		f.t.Fatal(err)
	}
}

// verify returns the report, or nil if the file cannot even be opened.
func verify(t *testing.T, path string) *snapshot.Report {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	report, err := f.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func structure(t *testing.T, path string) error {
	t.Helper()
	f, err := snapshot.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.CheckStructure(t.Context(), nil)
}

// ofServer is a snapshot of a real server, with branch pages, free pages and
// everything else that a flipped bit could hit.
func ofServer(t *testing.T) []byte {
	t.Helper()
	s := kubernetes(t)
	r, err := s.client.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b := read(t, save(t, r))
	s.cluster.Kill(t)
	classes := newAtlas(cut(b)).class
	for _, class := range []string{"free page", "branch key", "revision of a delete", "lease", "lease entry", "members entry", "auth entry"} {
		if !slices.Contains(classes, class) {
			t.Fatalf("the snapshot has no %s", class)
		}
	}
	return b
}

// TestCut tries every length at which a copy may have broken off, near the
// boundaries of pages byte by byte.
func TestCut(t *testing.T) {
	t.Parallel()
	sound := small(t)
	path := write(t, sound)
	var lengths []int
	for n := range len(sound) {
		if off := (n + 40) % 4096; off <= 80 && n%4096 != snapshot.TrailerSize && n%4096 != 0 || n%509 == 0 || n%4096 == 0 || n%4096 == snapshot.TrailerSize {
			lengths = append(lengths, n)
		}
	}
	slices.Reverse(lengths)
	for _, n := range lengths {
		if err := os.Truncate(path, int64(n)); err != nil {
			t.Fatal(err)
		}
		report := verify(t, path)
		if report == nil {
			continue
		}
		// Whoever cuts off the trailer alone leaves a sound database.
		if n >= len(sound)-snapshot.TrailerSize {
			if report.Trailer == snapshot.TrailerMatched {
				t.Errorf("%d of %d bytes: the trailer matches", n, len(sound))
			}
			continue
		}
		if report.OK() {
			t.Errorf("%d of %d bytes: OK", n, len(sound))
		}
	}
	if err := os.WriteFile(path, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	if report := verify(t, path); report == nil || !report.OK() {
		t.Errorf("the whole file: %+v", report)
	}
}

// TestSwappedPages exchanges two pages, which a checksum of pages would not see.
func TestSwappedPages(t *testing.T) {
	t.Parallel()
	sound := cut(small(t))
	a := newAtlas(sound)
	pages := slices.Sorted(maps.Keys(a.used))
	for i := range len(pages) - 1 {
		x, y := int(pages[i])*a.pageSize, int(pages[i+1])*a.pageSize
		swapped := slices.Clone(sound)
		copy(swapped[x:], sound[y:y+a.pageSize])
		copy(swapped[y:], sound[x:x+a.pageSize])
		if bytes.Equal(swapped, sound) {
			continue
		}
		if err := structure(t, write(t, swapped)); err == nil || !strings.Contains(err.Error(), "page") {
			t.Errorf("pages %d and %d swapped: %v", pages[i], pages[i+1], err)
		}
	}
}
