package salvage

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/etcd-restore/etcd-restore/pkg/internal/boltfile"
	"github.com/etcd-restore/etcd-restore/pkg/newfile"
	"github.com/etcd-restore/etcd-restore/pkg/snapshot"
)

// copyDB copies the db, or shares its blocks. Meanwhile every page and entry of it
// is checked: no hash vouches for a database, and etcd's own packages take for
// granted that it is sound. It does not change, for its lock is held.
func (m *member) copyDB(ctx context.Context, out *newfile.File, p Progress) error {
	src, err := os.Open(m.db)
	if err != nil {
		return err
	}
	defer src.Close()
	size, err := boltfile.SizeIn(src)
	if err != nil {
		return damagedDB(m.Dir, fmt.Errorf("%w: %w", snapshot.ErrCorrupt, err))
	}
	if err := out.Begin(size); err != nil {
		return err
	}
	p.Start("copying", size)
	defer p.Finish()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return m.checkDB(ctx) })
	g.Go(func() error {
		if out.Clone(src) != nil {
			if err := copyBytes(ctx, out, io.NewSectionReader(src, 0, size), p); err != nil {
				return err
			}
		}
		return out.Truncate(size)
	})
	return g.Wait()
}

func (m *member) checkDB(ctx context.Context) error {
	f, err := snapshot.Open(m.db)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.CheckStructure(ctx, nil); errors.Is(err, snapshot.ErrCorrupt) {
		return damagedDB(m.Dir, err)
	} else if err != nil {
		return err
	}
	return nil
}

// copyBytes copies until the end or until ctx ends.
func copyBytes(ctx context.Context, dst io.Writer, src io.Reader, p Progress) error {
	buf := make([]byte, 4<<20)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(src, buf)
		if _, err := dst.Write(buf[:n]); err != nil {
			return err
		}
		p.Add(int64(n))
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

// logBytes is the size of the log's files, which bounds what it can add.
func (m *member) logBytes() (size int64) {
	files, _ := filepath.Glob(filepath.Join(m.dir.WALDir, "*.wal")) // only an estimate
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}

// seal makes the replayed database a snapshot: it checks all of it, puts the hash
// behind it and syncs it.
func seal(ctx context.Context, out *newfile.File, r *Report, p Progress) error {
	size, err := boltfile.SizeIn(out.OS())
	if err != nil {
		return err
	}
	if err := out.Truncate(size); err != nil {
		return err
	}
	f, err := snapshot.OpenAs("the salvaged database", out.Part())
	if err != nil {
		return err
	}
	defer f.Close()
	synced := make(chan error, 1)
	go func() { synced <- out.Sync() }() // most of it, while it is read once more
	if err := errors.Join(verify(ctx, f, r, p), <-synced); err != nil {
		return err
	}
	sum, err := hex.DecodeString(r.SHA256)
	if err != nil {
		return err
	}
	r.Size = size
	if _, err := out.OS().WriteAt(sum, size); err != nil {
		return err
	}
	return out.Sync()
}

// verify checks the result and reads from it what the report tells.
func verify(ctx context.Context, f *snapshot.File, r *Report, p Progress) error {
	checked, err := f.Verify(ctx, p)
	if err != nil {
		return err
	}
	for _, finding := range checked.Findings {
		if finding.Severity == snapshot.Error {
			return fmt.Errorf("%w: the result does not pass verification: %s: %s", ErrReplay, finding.Where, finding.What)
		}
	}
	facts, err := f.Facts()
	if err != nil {
		return err
	}
	view, err := f.Keyspace()
	if err != nil {
		return err
	}
	if facts.ConsistentIndex != r.AppliedIndex {
		return fmt.Errorf("%w: the result ends at entry %d, not %d", ErrReplay, facts.ConsistentIndex, r.AppliedIndex)
	}
	r.SHA256, r.Revision, r.Compacted = checked.SHA256, view.Revision(), view.Compacted()
	r.setMembers(facts.Members)
	return nil
}
