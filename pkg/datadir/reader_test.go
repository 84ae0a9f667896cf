package datadir

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// log is a log in memory: the bytes of its segments.
type log [][]byte

func (l log) fs() fstest.MapFS {
	files := fstest.MapFS{
		"0.tmp":                        {Data: []byte("what etcd prepares for its next segment")},
		"000000000000000a-0x1.wal":     {Data: []byte("nothing that etcd writes")},
		"lost+found":                   {Mode: fs.ModeDir},
		"0000000000000000-00000000.wa": {Data: nil},
	}
	for i, b := range l {
		name := WALName(uint64(i), uint64(i*100))
		files[name] = &fstest.MapFile{Data: b}
		files[name+".broken"] = &fstest.MapFile{Data: []byte("what etcd has repaired")} // so that it may be short
	}
	return files
}

func (l log) clone() log {
	var c log
	for _, b := range l {
		c = append(c, slices.Clone(b))
	}
	return c
}

// sampleLog is a log of three segments, preallocated like etcd's. ends holds
// where each record of the last segment ends.
func sampleLog() (l log, ends []int) {
	w := &walEncoder{}
	index := uint64(0)
	for range 3 {
		w.buf, ends = nil, nil
		mark := func() { ends = append(ends, len(w.buf)) }
		w.record(recordCRC, nil)
		mark()
		w.record(recordMetadata, Metadata{MemberID: 7, ClusterID: 9}.encode())
		mark()
		w.message(recordSnapshot, &walpb.Snapshot{Index: new(index), Term: new(uint64(1))})
		mark()
		for _, size := range []int{0, 1, 900, 3000} {
			index++
			w.message(recordEntry, &raftpb.Entry{Index: new(index), Term: new(uint64(2)), Data: bytes.Repeat([]byte{0xAB}, size)})
			mark()
		}
		w.message(recordState, &raftpb.HardState{Term: new(uint64(2)), Vote: new(uint64(7)), Commit: new(index)})
		mark()
		l = append(l, append(w.buf, make([]byte, 2048)...))
	}
	return l, ends
}

// read returns all records up to the error that ends them, and what Torn says.
func (l log) read(t *testing.T) (recs []Record, torn bool, err error) {
	t.Helper()
	r, err := newReader(l.fs())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		rec, err := r.Next()
		if err != nil {
			if _, again := r.Next(); again != err {
				t.Errorf("error %v is followed by %v", err, again)
			}
			_, torn = r.Torn()
			return recs, torn, err
		}
		recs = append(recs, rec)
	}
}

func TestReaderReadsAll(t *testing.T) {
	t.Parallel()
	l, _ := sampleLog()
	recs, torn, err := l.read(t)
	if err != io.EOF || torn {
		t.Fatalf("ends with %v, torn: %v", err, torn)
	}
	var entries []uint64
	for _, rec := range recs {
		if rec.Entry != nil {
			entries = append(entries, rec.Entry.GetIndex())
		}
	}
	if want := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; !slices.Equal(entries, want) {
		t.Errorf("entries %v, want %v", entries, want)
	}
	if first := recs[0]; first.Metadata == nil || *first.Metadata != (Metadata{7, 9}) {
		t.Errorf("first record is %+v, want the metadata", first)
	}
}

// A member that stopped in the middle of a write left the last segment cut, or
// with zeros where sectors never reached the disk. Everything before is read.
func TestReaderToleratesTornTail(t *testing.T) {
	t.Parallel()
	whole, ends := sampleLog()
	all, _, _ := whole.read(t)
	inLast := len(ends) - 1 // its crc record is not returned
	for at := range len(whole[2]) {
		complete := 0 // records of the last segment before at
		for _, end := range ends {
			if end <= at {
				complete++
			}
		}
		want := all[:len(all)-inLast+max(complete-1, 0)]
		atEnd := at == 0 || slices.Contains(ends, at) || at > ends[len(ends)-1]

		cut := whole.clone()
		cut[2] = cut[2][:at]
		recs, torn, err := cut.read(t)
		// A preallocated rest shorter than a frame's head is a cut, too.
		if rest := at - ends[len(ends)-1]; rest > 0 && rest < frameHeader {
			atEnd = false
		}
		if err != io.EOF || torn == atEnd || len(recs) != len(want) {
			t.Fatalf("cut at %d: %d records, torn: %v, error %v; want %d records", at, len(recs), torn, err, len(want))
		}
	}
	for _, sectors := range []int{1, 2, 3, 5} { // of the 3000 bytes of the last entry
		zeroed := whole.clone()
		from := (ends[len(ends)-3] + 511) / 512 * 512
		clear(zeroed[2][from+512 : from+512+(sectors-1)*512+1])
		clear(zeroed[2][from : from+512])
		recs, torn, err := zeroed.read(t)
		if err != io.EOF || !torn || len(recs) != len(all)-2 {
			t.Errorf("%d sectors zeroed: %d records, torn: %v, error %v; want %d records", sectors, len(recs), torn, err, len(all)-2)
		}
	}
	// The beginning of a write was lost, its end was not.
	hole := whole.clone()
	clear(hole[2][ends[5]:ends[6]])
	recs, torn, err := hole.read(t)
	if err != io.EOF || !torn || len(recs) != len(all)-2 {
		t.Errorf("zeros before a record: %d records, torn: %v, error %v; want %d", len(recs), torn, err, len(all)-2)
	}
}

func TestReaderRefusesDamage(t *testing.T) {
	t.Parallel()
	whole, ends := sampleLog()
	frames := len(whole[0]) - 2048
	for _, tc := range []struct {
		name   string
		damage func(l log)
		says   string
	}{
		{"earlier segment cut within a record", func(l log) { l[0] = l[0][:frames-3] }, WALName(0, 0)},
		{"earlier segment cut within a length", func(l log) { l[1] = l[1][:ends[3]+4] }, WALName(1, 100)},
		{"earlier segment cut between records", func(l log) { l[0] = l[0][:ends[5]] }, WALName(1, 100) + " at offset 0"},
		{"earlier segment empty", func(l log) { l[1] = nil }, WALName(2, 200) + " at offset 0"},
		{"sector of an earlier segment zero", func(l log) { clear(l[1][2048:3072]) }, WALName(1, 100)},
		{"end of an earlier segment zero", func(l log) { clear(l[0][ends[5]:]) }, WALName(1, 100) + " at offset 0"},
		{"segments swapped", func(l log) { l[0], l[1] = l[1], l[0] }, WALName(1, 100) + " at offset 0"},
		{"flipped bit in the data", func(l log) { l[2][ends[4]+200] ^= 1 }, "checksum is"},
		{"flipped bit in an earlier segment", func(l log) { l[0][ends[4]+200] ^= 1 }, WALName(0, 0)},
		{"length in an earlier segment beyond the file", func(l log) { l[0][ends[0]+6] = 0x7f }, "is no length of a record"},
		{"garbage", func(l log) { copy(l[2][ends[2]:], bytes.Repeat([]byte{8, 0, 0, 0, 0, 0, 0, 0}, 10)) }, "at offset"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := whole.clone()
			tc.damage(l)
			_, _, err := l.read(t)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got error %v, want ErrCorrupt that says %q", err, tc.says)
			}
		})
	}
}

// Every flipped bit of a record is noticed, or changes nothing that is read,
// or, in the last segment, looks like a cut. etcd's format leaves one byte
// unprotected: the checksum is of the data, without the record's type.
func TestReaderNoticesEveryFlippedBit(t *testing.T) {
	t.Parallel()
	whole, ends := sampleLog()
	want, _, _ := whole.read(t)
	for segment := range whole {
		for at := range ends[len(ends)-1] {
			if typeAt := at - frameHeader - 1; typeAt == 0 || slices.Contains(ends, typeAt) {
				continue
			}
			l := whole.clone()
			l[segment][at] ^= 1 << (at % 8)
			got, torn, err := l.read(t)
			if err == io.EOF && !torn && !slices.EqualFunc(got, want, sameRecord) {
				t.Fatalf("segment %d, byte %d: read without an error, but differently", segment, at)
			}
		}
	}
}

func sameRecord(a, b Record) bool {
	return (a.Metadata == nil) == (b.Metadata == nil) && (a.Metadata == nil || *a.Metadata == *b.Metadata) &&
		proto.Equal(a.Entry, b.Entry) && proto.Equal(a.State, b.State) && proto.Equal(a.Snapshot, b.Snapshot)
}

func TestReaderRefusesForeignRecords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		add  func(w *walEncoder)
		says string
	}{
		{"unknown type", func(w *walEncoder) { w.record(6, nil) }, "unknown type 6"},
		{"other member", func(w *walEncoder) { w.record(recordMetadata, Metadata{8, 9}.encode()) }, "goes on as one of member 8"},
		{"metadata that is none", func(w *walEncoder) { w.record(recordMetadata, []byte{0xff}) }, "at offset"},
		{"entry that is none", func(w *walEncoder) { w.record(recordEntry, []byte{0xff}) }, "at offset"},
		{"state that is none", func(w *walEncoder) { w.record(recordState, []byte{0xff}) }, "at offset"},
		{"snapshot that is none", func(w *walEncoder) { w.record(recordSnapshot, []byte{0xff}) }, "at offset"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := &walEncoder{}
			w.record(recordMetadata, Metadata{7, 9}.encode())
			tc.add(w)
			_, _, err := log{w.buf}.read(t)
			if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got error %v, want ErrCorrupt that says %q", err, tc.says)
			}
		})
	}
}

func TestReaderSegments(t *testing.T) {
	t.Parallel()
	data := &fstest.MapFile{Data: []byte{}}
	whole := &fstest.MapFile{Data: make([]byte, wal.SegmentSizeBytes)}
	cut := &fstest.MapFile{Data: make([]byte, wal.SegmentSizeBytes-1)}
	for _, tc := range []struct {
		name  string
		files fstest.MapFS
		want  error
	}{
		{"none", fstest.MapFS{"0.tmp": data}, ErrNotDataDir},
		{"one", fstest.MapFS{WALName(0, 0): data}, nil},
		{"oldest ones purged", fstest.MapFS{WALName(8, 10): data, WALName(9, 11): data, WALName(10, 12): whole}, nil},
		{"the last one cut", fstest.MapFS{WALName(8, 10): data, WALName(9, 11): cut}, ErrCorrupt},
		{"the last one cut by etcd", fstest.MapFS{WALName(8, 10): data, WALName(9, 11): cut, WALName(9, 11) + ".broken": data}, nil},
		{"the only one small", fstest.MapFS{WALName(0, 0): cut}, nil}, // as a restore makes it
		{"one missing", fstest.MapFS{WALName(8, 10): data, WALName(10, 11): data}, ErrCorrupt},
		{"one twice", fstest.MapFS{WALName(8, 10): data, WALName(8, 11): data}, ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := newReader(tc.files)
			for err == nil {
				_, err = r.Next()
			}
			if want := cmp.Or(tc.want, io.EOF); !errors.Is(err, want) {
				t.Errorf("got error %v, want %v", err, want)
			}
		})
	}
}

// FuzzReader reads a log of two segments with any content. The reader must not
// panic, and must agree with etcd's decoder: what it returns is a prefix of
// what etcd decodes, and all of it unless it reports an error.
func FuzzReader(f *testing.F) {
	whole, ends := sampleLog()
	f.Add(whole[0], whole[1])
	f.Add(whole[0], whole[1][:ends[4]+20])
	f.Add(whole[0], whole[2])
	f.Add([]byte{}, whole[0])
	f.Add(whole[0][:ends[3]], []byte{0, 0, 0, 0, 0, 0, 0, 0x87})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		l := log{first, second}
		got, torn, err := l.read(t)
		want, wantErr := decodeWithEtcd(t, l)
		if len(got) > len(want) || !slices.EqualFunc(got, want[:len(got)], sameRecord) {
			t.Fatalf("read %d records that etcd reads otherwise; it has %d", len(got), len(want))
		}
		if err == io.EOF && len(got) != len(want) {
			t.Errorf("read %d records, etcd reads %d (torn: %v)", len(got), len(want), torn)
		}
		if err == io.EOF && !torn && wantErr != io.EOF {
			t.Errorf("read to the end, etcd stops with %v", wantErr)
		}
		s := &summary{}
		for _, rec := range got {
			if s.add(rec) != nil {
				return
			}
		}
		if info, err := s.finish(); err == nil {
			for _, index := range []uint64{0, 5, 1 << 63, info.LastIndex, info.FirstIndex - 1} {
				if n, err := info.NormalEntriesAbove(index); err == nil && (n < 0 || n > int64(len(got))) {
					t.Errorf("%d normal entries above %d in %d records", n, index, len(got))
				}
			}
		}
	})
}

// fileReader makes a file in memory what etcd's decoder wants.
type fileReader struct{ fs.File }

func (f fileReader) FileInfo() (fs.FileInfo, error) { return f.Stat() }

// decodeWithEtcd does what etcd's wal.ReadAll does up to the first error.
func decodeWithEtcd(t *testing.T, l log) (recs []Record, err error) {
	t.Helper()
	var files []fileutil.FileReader
	for i := range l {
		f, err := l.fs().Open(WALName(uint64(i), uint64(i*100)))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, fileReader{f})
	}
	decoder := wal.NewDecoder(files...)
	shared := &Reader{} // turns payloads into records; etcd would panic on malformed ones
	for {
		raw := &walpb.Record{}
		if err := decoder.Decode(raw); err != nil {
			return recs, err
		}
		if raw.GetType() == wal.CrcType {
			if crc := decoder.LastCRC(); crc != 0 && raw.Validate(crc) != nil {
				return recs, wal.ErrCRCMismatch
			}
			decoder.UpdateCRC(raw.GetCrc())
			continue
		}
		rec, err := shared.decode(Position{}, raw)
		if err != nil {
			return recs, err
		}
		recs = append(recs, rec)
	}
}
