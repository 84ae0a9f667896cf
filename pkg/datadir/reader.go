package datadir

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"

	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
)

// Record is one record of the log. Exactly one of the pointers is set.
type Record struct {
	Pos Position

	Metadata *Metadata         // whose log it is; repeated in every segment
	Entry    *raftpb.Entry     // voids all entries before it with its index or a higher one
	State    *raftpb.HardState // replaces the one before
	Snapshot *walpb.Snapshot   // valid only if the last State commits its index
}

// Reader streams a log, all of its segments, from the oldest record to the
// newest. It holds one record in memory at a time and one file open.
//
// It verifies every checksum, and that all segments belong together. What the
// last write of a crashed member left unfinished at the end of the last
// segment is no error: the log ends before it, and Torn tells so. The same
// damage anywhere else, where later writes follow, is ErrCorrupt.
type Reader struct {
	dir  string
	fsys fs.FS

	current  *segment
	pos      Position      // of the record that is being read
	opened   *segmentName  // the current segment or the last one
	rest     []segmentName // still to be opened
	crc      uint32        // of the data of all records so far
	metadata *Metadata
	torn     *Position
	err      error // sticks
}

// NewReader opens the log in walDir. It takes no lock: see Open for how to
// notice a running etcd.
func NewReader(walDir string) (*Reader, error) {
	r, err := newReader(os.DirFS(walDir))
	if err != nil {
		return nil, fmt.Errorf("read log %s: %w", walDir, err)
	}
	r.dir = walDir
	return r, nil
}

func newReader(fsys fs.FS) (*Reader, error) {
	found, err := segments(fsys)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, hint.New(fmt.Errorf("%w: it has no segment", ErrNotDataDir),
			"if etcd ran with --wal-dir, the log is in that directory")
	}
	return &Reader{fsys: fsys, rest: found}, nil
}

// SeekEntry leaves out the segments that end before the entry at index. It goes
// before the first Next.
func (r *Reader) SeekEntry(index uint64) {
	// Entries go back where they are overwritten, and the names of segments with
	// them: the last that begins early enough is the one.
	for i := len(r.rest) - 1; i > 0; i-- {
		if r.rest[i].index <= index {
			r.rest = r.rest[i:]
			return
		}
	}
}

// Next returns the next record, or io.EOF after the last. What it returns
// stays valid. An error is returned again by every further call.
func (r *Reader) Next() (Record, error) {
	if r.err != nil {
		return Record{}, r.err
	}
	rec, err := r.next()
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read log %s: %w", r.dir, err)
	}
	r.err = err
	return rec, err
}

// Resume goes on behind damage, an ErrCorrupt, with the next segment. It returns
// false if there is none.
func (r *Reader) Resume() bool {
	if errors.Is(r.err, errNotChained) { // what is damaged is the segment before
		r.rest = append([]segmentName{*r.opened}, r.rest...)
	}
	if len(r.rest) == 0 {
		return false
	}
	_ = r.closeSegment() // nothing was written
	r.err, r.crc, r.opened = nil, 0, nil
	return true
}

// Torn tells, once Next has returned io.EOF, whether the log ended with an
// unfinished write, and where.
func (r *Reader) Torn() (Position, bool) {
	if r.torn == nil {
		return Position{}, false
	}
	return *r.torn, true
}

// Close closes the open file. A Next after it returns an error.
func (r *Reader) Close() error {
	if r.err == nil {
		r.err = fs.ErrClosed
	}
	return r.closeSegment()
}

func (r *Reader) closeSegment() error {
	if r.current == nil {
		return nil
	}
	f := r.current.file
	r.current = nil
	return f.Close()
}

func (r *Reader) next() (Record, error) {
	for {
		if r.current == nil {
			if err := r.openNext(); err != nil {
				return Record{}, err
			}
		}
		r.pos = r.current.pos()
		raw, err := r.read()
		switch {
		case errors.Is(err, io.EOF):
			if err := r.closeSegment(); err != nil {
				return Record{}, err
			}
			continue
		case err != nil:
			return Record{}, err
		}
		if raw.GetType() == recordCRC {
			continue
		}
		return r.decode(r.pos, raw)
	}
}

// openNext opens the next segment; there being none is the end of the log.
func (r *Reader) openNext() error {
	if len(r.rest) == 0 {
		return io.EOF
	}
	name, before := r.rest[0], r.opened
	r.pos = Position{File: name.file}
	if before != nil && name.seq != before.seq+1 {
		return fmt.Errorf("%w: segment %s does not follow %s: files are missing or doubled", ErrCorrupt, name.file, before.file)
	}
	s, err := openSegment(r.fsys, name.file)
	if err != nil {
		return err
	}
	r.current, r.opened, r.rest = s, &name, r.rest[1:]
	return nil
}

// read returns the next sound record of the current segment, or io.EOF where
// the segment ends or an unfinished write begins.
func (r *Reader) read() (*walpb.Record, error) {
	s := r.current
	record, body, err := s.frame()
	if errors.Is(err, errCut) {
		return nil, r.tornOr(true, err)
	}
	if errors.Is(err, io.EOF) {
		return nil, r.checkEnd()
	}
	if err != nil {
		return nil, err
	}
	raw := &walpb.Record{}
	if err := proto.Unmarshal(record, raw); err != nil {
		return nil, r.tornOr(s.neverWritten(body), err)
	}
	crc, err := r.chain(raw)
	if err != nil {
		return nil, r.tornOr(s.neverWritten(body), err)
	}
	r.crc = crc
	s.skip(body)
	return raw, nil
}

// tornOr ends the log here if a write was unfinished, which it can be only at the
// end of the last segment; otherwise the log is corrupt.
func (r *Reader) tornOr(unfinished bool, cause error) error {
	pos := r.current.pos()
	if unfinished && len(r.rest) == 0 {
		if err := r.cut(); err != nil {
			return err
		}
		later, err := r.current.goesOn()
		if err != nil {
			return fmt.Errorf("read %s: %w", pos, err)
		}
		if !later {
			r.torn = &pos
			return io.EOF
		}
	}
	return fmt.Errorf("%w: %s: %w", ErrCorrupt, pos, cause)
}

// cut is ErrCorrupt if the log has lost its end.
func (r *Reader) cut() error {
	_, err := fs.Stat(r.fsys, r.current.name+".broken") // what etcd has repaired
	if err := r.current.cut(*r.opened, err == nil); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, r.current.pos(), err)
	}
	return nil
}

// checkEnd looks behind the zero length that ends a segment. In the last one,
// anything there is what remains of a write whose beginning was lost; in an
// earlier one, the checksum at the head of the next would tell.
func (r *Reader) checkEnd() error {
	if len(r.rest) > 0 {
		return io.EOF
	}
	if err := r.cut(); err != nil {
		return err
	}
	zero, err := r.current.zeroToEnd()
	if err != nil {
		return err
	}
	if zero {
		return io.EOF
	}
	return r.tornOr(true, errHole)
}

// errHole is the cause where zeros stand for records.
var errHole = errors.New("there are zeros, and more of the log behind them")

// errNotChained is returned for a segment before which something is missing.
var errNotChained = errors.New("the segment does not continue the one before")

// chain returns the checksum after raw and compares it with the record's own.
func (r *Reader) chain(raw *walpb.Record) (uint32, error) {
	if raw.GetType() == recordCRC {
		// The oldest segment may continue one that etcd has purged.
		if r.crc != 0 && raw.GetCrc() != r.crc {
			return 0, fmt.Errorf("%w: it has checksum %08x, not %08x", errNotChained, raw.GetCrc(), r.crc)
		}
		return raw.GetCrc(), nil
	}
	crc := crc32.Update(r.crc, castagnoli(), raw.Data)
	if raw.GetCrc() != crc {
		return 0, fmt.Errorf("checksum is %08x, not %08x", crc, raw.GetCrc())
	}
	return crc, nil
}

// decode gives a sound record its type. What fails here was written so.
func (r *Reader) decode(pos Position, raw *walpb.Record) (Record, error) {
	rec := Record{Pos: pos}
	var err error
	switch raw.GetType() {
	case recordMetadata:
		rec.Metadata, err = r.decodeMetadata(raw.Data)
	case recordEntry:
		rec.Entry = &raftpb.Entry{}
		err = proto.Unmarshal(raw.Data, rec.Entry)
	case recordState:
		rec.State = &raftpb.HardState{}
		err = proto.Unmarshal(raw.Data, rec.State)
	case recordSnapshot:
		rec.Snapshot = &walpb.Snapshot{}
		err = proto.Unmarshal(raw.Data, rec.Snapshot)
	default:
		err = fmt.Errorf("record of unknown type %d", raw.GetType())
	}
	if err != nil {
		return Record{}, fmt.Errorf("%w: %s: %w", ErrCorrupt, pos, err)
	}
	return rec, nil
}

func (r *Reader) decodeMetadata(data []byte) (*Metadata, error) {
	m, err := decodeMetadata(data)
	if err != nil {
		return nil, err
	}
	if r.metadata != nil && *r.metadata != m {
		return nil, fmt.Errorf("the log is of member %x in cluster %x, but goes on as one of member %x in cluster %x",
			r.metadata.MemberID, r.metadata.ClusterID, m.MemberID, m.ClusterID)
	}
	r.metadata = &m
	return &m, nil
}
