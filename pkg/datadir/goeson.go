package datadir

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"google.golang.org/protobuf/proto"
)

// goesOn tells whether behind the current frame, which cannot be read, there are
// writes that etcd begins only once the frame is on disk: then it was not cut by a
// crash, but damaged later. etcd waits for the disk after each run of entries and
// the state that follows it. So if entries come after a state that came after
// entries, the first of them were on disk, and all before them.
//
// No checksum leads across the frame, but from each record behind it to the next.
func (s *segment) goesOn() (bool, error) {
	file, ok := s.file.(io.ReaderAt)
	if !ok {
		return false, nil
	}
	rest := &counted{SectionReader: io.NewSectionReader(file, s.off, s.size-s.off), left: maxSearch}
	for at := int64(frameHeader); at < rest.Size(); {
		next, err := nonzero(rest, at)
		if err != nil || next < 0 {
			return false, err
		}
		end, later := chainedWrites(rest, next)
		if later || rest.left < 0 {
			return true, nil
		}
		at = max(end, next+frameHeader)
	}
	return false, nil
}

// maxSearch bounds how much is read to find a record behind a hole, in bytes. What
// looks like the beginnings of so many records was not left by a crash.
const maxSearch = 512 << 20

// counted counts what is read, and every call as several words.
type counted struct {
	*io.SectionReader
	left int64
}

// ReadAt implements io.ReaderAt.
func (c *counted) ReadAt(b []byte, off int64) (int, error) {
	c.left -= max(int64(len(b)), 64)
	return c.SectionReader.ReadAt(b, off)
}

// nonzero returns the offset, a multiple of 8, of the first bytes from at on that
// are not zero, or -1.
func nonzero(r *counted, at int64) (int64, error) {
	var buf [4096]byte
	block := buf[:frameHeader] // most often it is there
	for at+frameHeader <= r.Size() {
		n, err := r.ReadAt(block, at)
		if err != nil && err != io.EOF {
			return -1, err
		}
		for from := 0; from+frameHeader <= n; from += frameHeader {
			if !allZero(block[from : from+frameHeader]) {
				return at + int64(from), nil
			}
		}
		at += int64(n / frameHeader * frameHeader)
		block = buf[:]
	}
	return -1, nil
}

// chainedWrites follows records, each of which continues the checksum of the one
// before, from an offset. It returns where they end and whether entries come
// after a state that came after entries.
func chainedWrites(r *counted, at int64) (end int64, later bool) {
	var before *walpb.Record
	entries, state := false, false
	for {
		rec, next := recordAt(r, at)
		if rec == nil || before != nil && rec.GetCrc() != crc32.Update(before.GetCrc(), castagnoli(), rec.Data) {
			return at, false
		}
		switch {
		case rec.GetType() == recordEntry && state:
			return next, true
		case rec.GetType() == recordEntry:
			entries = true
		case rec.GetType() == recordState:
			state = entries
		}
		before, at = rec, next
	}
}

// recordAt returns the record of the frame at an offset and where the next frame
// is, or nil.
func recordAt(r *counted, at int64) (rec *walpb.Record, next int64) {
	var header [frameHeader]byte
	if _, err := r.ReadAt(header[:], at); err != nil {
		return nil, 0
	}
	length, padding := splitLength(binary.LittleEndian.Uint64(header[:]))
	if length == 0 || padding != -length&7 || length > maxRecord || at+frameHeader+length+padding > r.Size() {
		return nil, 0
	}
	b := make([]byte, length)
	if _, err := r.ReadAt(b, at+frameHeader); err != nil {
		return nil, 0
	}
	rec = &walpb.Record{}
	if err := proto.Unmarshal(b, rec); err != nil || rec.Crc == nil || rec.GetType() < recordMetadata || rec.GetType() > recordSnapshot {
		return nil, 0
	}
	return rec, at + frameHeader + length + padding
}
