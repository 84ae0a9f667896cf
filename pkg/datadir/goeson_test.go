package datadir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
)

// writesLog is a preallocated log of several writes, of which each waited for the
// one before: two entries and the state. ends holds where each record ends.
func writesLog(writes int) (l log, ends []int) {
	w := &walEncoder{}
	w.record(recordCRC, nil)
	w.record(recordMetadata, Metadata{MemberID: 7, ClusterID: 9}.encode())
	for i := range uint64(writes) {
		for index := 2*i + 1; index <= 2*i+2; index++ {
			w.message(recordEntry, &raftpb.Entry{Index: new(index), Term: new(uint64(2)), Data: bytes.Repeat([]byte{0xAB}, 1500)})
			ends = append(ends, len(w.buf))
		}
		w.message(recordState, &raftpb.HardState{Term: new(uint64(2)), Vote: new(uint64(7)), Commit: new(2*i + 1)})
		ends = append(ends, len(w.buf))
	}
	return log{append(w.buf, make([]byte, 64<<10)...)}, ends
}

// What looks like a write that a crash has cut off is damage if later writes
// follow it: they began when it was on disk, and it may have been acknowledged.
func TestReaderTellsDamageFromTorn(t *testing.T) {
	t.Parallel()
	const writes = 6
	whole, ends := writesLog(writes)
	damages := map[string]func(b []byte, from, to int){
		"zero sector":       func(b []byte, from, _ int) { at := (from + 511) / 512 * 512; clear(b[at : at+512]) },
		"zero record":       func(b []byte, from, to int) { clear(b[from:to]) },
		"zero length":       func(b []byte, from, _ int) { clear(b[from : from+frameHeader]) },
		"length beyond":     func(b []byte, from, _ int) { b[from+3] ^= 0x01 },
		"length into zeros": func(b []byte, from, _ int) { b[from+2] ^= 0x01 },
	}
	for name, damage := range damages {
		for record, end := range ends {
			if record%3 == 2 {
				continue // a state, which is too small for some of the damages
			}
			l := whole.clone()
			from := 0
			if record > 0 {
				from = ends[record-1]
			}
			damage(l[0], from, end)
			recs, torn, err := l.read(t)
			switch write := record / 3; {
			case write < writes-2 && !errors.Is(err, ErrCorrupt):
				t.Errorf("%s in record %d: error %v (torn: %t) after %d records, want ErrCorrupt", name, record, err, torn, len(recs))
			case write == writes-1 && (err != io.EOF || !torn): // of the last but one, it depends
				t.Errorf("%s in record %d, of the last write: error %v (torn: %t), want a torn end", name, record, err, torn)
			}
		}
	}
}

// Whatever stands behind a hole, it is not searched for ever, nor a file of any size
// read: such things are damage.
func TestReaderBoundsItsWork(t *testing.T) {
	t.Parallel()
	whole, ends := writesLog(3)
	for name, word := range map[string]uint64{"small lengths": 64, "large lengths": 1 << 19, "no lengths": 0x0123456789abcdef} {
		l := whole.clone()
		junk := make([]byte, 0, 32<<20)
		for len(junk) < cap(junk) {
			junk = binary.LittleEndian.AppendUint64(junk, word)
		}
		clear(l[0][ends[2] : ends[2]+frameHeader])
		l[0] = append(l[0], junk...)
		start := time.Now()
		if _, torn, err := l.read(t); !torn && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v (torn: %t)", name, err, torn)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: it took %s", name, took)
		}
	}
	walDir := t.TempDir()
	path := filepath.Join(walDir, WALName(0, 0))
	if err := os.WriteFile(path, whole[0], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 300<<30); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(walDir)
	if err == nil {
		_, err = r.Next()
	}
	if !errors.Is(err, ErrCorrupt) {
		t.Errorf("a segment of 300 GiB: %v", err)
	}
}

// A large record of which the disk has written all but a sector is a write that was
// not finished, however much of it there is to search.
func TestReaderTornLargeRecord(t *testing.T) {
	t.Parallel()
	w := &walEncoder{}
	w.record(recordCRC, nil)
	w.record(recordMetadata, Metadata{MemberID: 7, ClusterID: 9}.encode())
	before := len(w.buf)
	w.message(recordEntry, &raftpb.Entry{Index: new(uint64(1)), Term: new(uint64(2)), Data: bytes.Repeat([]byte{0xAB, 1, 2}, 1<<20)})
	at := (before + 1<<20) / 512 * 512
	clear(w.buf[at : at+512])
	if recs, torn, err := (log{append(w.buf, make([]byte, 64<<10)...)}).read(t); err != io.EOF || !torn || len(recs) != 1 {
		t.Errorf("%d records, error %v (torn: %t), want a torn end", len(recs), err, torn)
	}
}
