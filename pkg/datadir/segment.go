package datadir

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"go.etcd.io/etcd/server/v3/storage/wal"
)

// maxRecord bounds the memory that a damaged length can claim in a huge or
// sparse file. etcd's largest records are requests, of 1.5 MB unless
// --max-request-bytes says otherwise, and no gRPC message exceeds this.
const maxRecord = 512 << 20

// maxSegment bounds the time that a segment takes to read. etcd begins another at
// 64 MB, or behind the record that reaches beyond.
const maxSegment = 1 << 30

// errCut is what a segment returns where its data ends within a frame.
var errCut = errors.New("the segment ends within a record")

// segmentName is a file name of the log, taken apart.
type segmentName struct {
	file  string
	seq   uint64
	index uint64 // of its first entry, had none been overwritten
}

// segments lists the log's files in order. Others, as etcd's 0.tmp and what
// it renames to .broken, are no part of the log.
func segments(fsys fs.FS) ([]segmentName, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return nil, pathErr.Err // its path is a dot
	}
	if err != nil {
		return nil, err
	}
	var found []segmentName
	for _, e := range entries {
		if name, ok := parseSegmentName(e.Name()); ok {
			found = append(found, name)
		}
	}
	slices.SortFunc(found, func(a, b segmentName) int {
		return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.file, b.file))
	})
	return found, nil
}

func parseSegmentName(file string) (name segmentName, ok bool) {
	name.file = file
	if _, err := fmt.Sscanf(file, "%016x-%016x.wal", &name.seq, &name.index); err != nil {
		return segmentName{}, false
	}
	return name, file == WALName(name.seq, name.index) // Sscanf accepts more than Sprintf makes
}

// segment reads the frames of one file of the log.
type segment struct {
	name string
	file fs.File
	r    *bufio.Reader
	size int64
	off  int64  // of the next frame
	buf  []byte // of the current one, reused
}

func openSegment(fsys fs.FS, name string) (*segment, error) {
	// Asked before opening, which would wait forever on a FIFO.
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%w: segment %s is no regular file", ErrNotDataDir, name)
	case info.Size() > maxSegment:
		return nil, fmt.Errorf("%w: segment %s has %d bytes, which no etcd writes", ErrCorrupt, name, info.Size())
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	return &segment{name: name, file: f, r: bufio.NewReaderSize(f, 1<<16), size: info.Size()}, nil
}

// cut tells why a segment that is the last one cannot be as etcd left it: etcd makes
// segments of a size and fills them from the front. Only the first may be smaller,
// if a restore made it, and one that etcd has repaired, which leaves a copy of what
// it was.
func (s *segment) cut(name segmentName, repaired bool) error {
	if name.seq == 0 || s.size >= wal.SegmentSizeBytes || repaired {
		return nil
	}
	return fmt.Errorf("the segment has been cut: it has %d bytes, etcd makes them %d", s.size, wal.SegmentSizeBytes)
}

// frame reads the next frame. The record is valid until the next call; body is
// the record with its padding. The error is io.EOF at the segment's end and
// errCut where the data ends before the frame does. A frame is behind the
// segment only after skip.
func (s *segment) frame() (record, body []byte, err error) {
	remaining := s.size - s.off
	if remaining == 0 {
		return nil, nil, io.EOF
	}
	if remaining < frameHeader {
		return nil, nil, errCut
	}
	var header [frameHeader]byte
	if err := s.fill(header[:]); err != nil {
		return nil, nil, err
	}
	field := binary.LittleEndian.Uint64(header[:])
	if field == 0 {
		return nil, nil, io.EOF
	}
	length, padding := splitLength(field)
	switch { // a header lies within one sector: it was written as a whole or not at all
	case padding != -length&7, length > maxRecord:
		return nil, nil, fmt.Errorf("%w: %s: %016x is no length of a record", ErrCorrupt, s.pos(), field)
	case length+padding > remaining-frameHeader:
		return nil, nil, errCut
	}
	s.buf = slices.Grow(s.buf[:0], int(length+padding))[:length+padding]
	if err := s.fill(s.buf); err != nil {
		return nil, nil, err
	}
	return s.buf[:length], s.buf, nil
}

// fill reads len(b) bytes. That the file has become shorter since it was
// opened is as if it had been so before.
func (s *segment) fill(b []byte) error {
	_, err := io.ReadFull(s.r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errCut
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", s.pos(), err)
	}
	return nil
}

// skip moves behind a frame with this body.
func (s *segment) skip(body []byte) { s.off += frameHeader + int64(len(body)) }

// zeroToEnd tells whether all that was not read yet is zero.
func (s *segment) zeroToEnd() (bool, error) {
	for {
		chunk, err := s.r.Peek(s.r.Size())
		if !allZero(chunk) {
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("read %s: %w", s.name, err)
		}
		if _, err := s.r.Discard(len(chunk)); err != nil {
			return false, fmt.Errorf("read %s: %w", s.name, err)
		}
	}
}

// neverWritten tells whether the body of the current frame has a sector of
// nothing but zeros, which is how a write looks that a crash interrupted:
// disks write whole sectors, in any order, and the file was zero before.
func (s *segment) neverWritten(body []byte) bool {
	const sector = 512
	off := s.off + frameHeader
	for len(body) > 0 {
		n := min(sector-int(off%sector), len(body))
		if allZero(body[:n]) {
			return true
		}
		body, off = body[n:], off+int64(n)
	}
	return false
}

// allZero compares b with itself one byte further: so whole words are compared.
func allZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[:len(b)-1], b[1:])
}

func (s *segment) pos() Position { return Position{s.name, s.off} }
