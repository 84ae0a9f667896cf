package salvage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

const (
	batchEntries = 10_000   // in one transaction of the database, as etcd has it
	batchBytes   = 32 << 20 // likewise, so that memory is bounded
	never        = 1000 * time.Hour
)

// replay applies what the log of a member holds beyond the database at path, up
// to an entry. It returns what a person should know of it.
func (m *member) replay(ctx context.Context, path string, to uint64, keepAlarms bool, p Progress) (notes []string, err error) {
	err = supervised(ctx, func(lg *zap.Logger) error {
		s, err := openStore(lg, path, m.logBytes())
		if err != nil {
			return err
		}
		err = m.applyLog(ctx, s, to, p)
		if err == nil {
			err = s.awaitCompaction(ctx)
		}
		if err == nil && !keepAlarms {
			notes = s.dropAlarms()
		}
		return errors.Join(err, s.close())
	})
	if err != nil { // it may not have ended
		return nil, err
	}
	return notes, nil
}

// applyLog applies the entries that stand, while they are read.
func (m *member) applyLog(ctx context.Context, s *store, to uint64, p Progress) error {
	p.Start("replaying", -1)
	defer p.Finish()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the reading if applying fails
	log := m.readSteps(ctx, to)
	var term uint64
	batch := 0
	for next := range log.steps {
		if err := s.step(next); err != nil {
			return fmt.Errorf("log %s: entry %d: %w", m.dir.WALDir, next.entry.GetIndex(), err)
		}
		term = next.entry.GetTerm()
		p.Add(int64(len(next.entry.Data)))
		if batch += len(next.entry.Data); batch >= batchBytes {
			s.be.ForceCommit()
			batch = 0
		}
	}
	if log.err == nil && term > 0 {
		s.setApplied(to, term, m.facts.Term > 0 || s.knowsTerms())
	}
	return log.err
}

// step applies one entry.
func (s *store) step(next step) error {
	switch {
	case next.entry.GetType() != raftpb.EntryNormal:
		return s.change(next.entry)
	case next.request == nil: // the first of a new leader, or of the v2 API
		return nil
	}
	if err := known(next.request.GetClusterVersionSet().GetVer()); err != nil {
		return err
	}
	s.apply(next.request)
	return nil
}
