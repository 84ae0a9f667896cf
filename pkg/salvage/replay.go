package salvage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

const (
	batchEntries = 10_000   // in one transaction of the database, as etcd has it
	batchBytes   = 32 << 20 // likewise, so that memory is bounded
	never        = 1000 * time.Hour
)

// replay applies what the log of a member holds beyond the database at path, up
// to an entry.
func (m *member) replay(ctx context.Context, path string, to uint64, keepAlarms bool, p Progress) error {
	return supervised(ctx, func(lg *zap.Logger) error {
		s, err := openStore(lg, path, m.logBytes())
		if err != nil {
			return err
		}
		err = m.applyLog(ctx, s, to, p)
		if err == nil {
			err = s.awaitCompaction(ctx)
		}
		if err == nil && !keepAlarms {
			s.dropAlarms()
		}
		return errors.Join(err, s.close())
	})
}

// applyLog reads the log once more and applies the entries that stand.
func (m *member) applyLog(ctx context.Context, s *store, to uint64, p Progress) error {
	next := m.applied() + 1
	r, err := datadir.NewReader(m.dir.WALDir)
	if err != nil {
		return err
	}
	defer r.Close()
	r.SeekEntry(next)
	p.Start("replaying", -1)
	defer p.Finish()
	var term uint64
	for batch := 0; next <= to; {
		if err := ctx.Err(); err != nil {
			return err
		}
		rec, err := r.Next()
		switch {
		case errors.Is(err, datadir.ErrCorrupt) && r.Resume(): // the survey has been over it
			continue
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%w: log %s: entry %d is gone", datadir.ErrCorrupt, m.dir.WALDir, next)
		case err != nil:
			return err
		case rec.Entry == nil || rec.Entry.GetIndex() != next || !m.log.Stands(rec.Entry):
			continue
		}
		if err := s.entry(rec.Entry); err != nil {
			return fmt.Errorf("log %s: entry %d: %w", m.dir.WALDir, next, err)
		}
		next, term = next+1, rec.Entry.GetTerm()
		p.Add(int64(len(rec.Entry.Data)))
		if batch += len(rec.Entry.Data); batch >= batchBytes {
			s.be.ForceCommit()
			batch = 0
		}
	}
	if term > 0 {
		s.setApplied(to, term, m.facts.Term > 0 || s.knowsTerms())
	}
	return nil
}

// entry applies one entry. Without data it is the first of a new leader.
func (s *store) entry(e *raftpb.Entry) error {
	switch {
	case e.GetType() != raftpb.EntryNormal:
		return s.change(e)
	case len(e.Data) == 0:
		return nil
	}
	req, err := decode(e.Data)
	if err != nil || req == nil {
		return err
	}
	if err := known(req.GetClusterVersionSet().GetVer()); err != nil {
		return err
	}
	s.apply(req)
	return nil
}
