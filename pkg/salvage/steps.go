package salvage

import (
	"context"
	"errors"
	"fmt"
	"io"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/etcd-restore/etcd-restore/pkg/datadir"
)

// step is an entry that stands, and the request that it carries, if any.
type step struct {
	entry   *raftpb.Entry
	request *pb.InternalRaftRequest
}

// stepsAhead is how many entries are read while one is applied. They can be large.
const stepsAhead = 32

// reading is a log that is being read. The error is there once steps is closed.
type reading struct {
	steps chan step
	err   error
}

// readSteps begins to read what the log holds beyond the database, up to an entry.
// It ends with ctx.
func (m *member) readSteps(ctx context.Context, to uint64) *reading {
	r := &reading{steps: make(chan step, stepsAhead)}
	go func() {
		defer close(r.steps)
		r.err = m.sendSteps(ctx, to, r.steps)
	}()
	return r
}

func (m *member) sendSteps(ctx context.Context, to uint64, steps chan<- step) error {
	next := m.applied() + 1
	r, err := datadir.NewReader(m.dir.WALDir)
	if err != nil {
		return err
	}
	defer r.Close()
	r.SeekEntry(next)
	for next <= to {
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
		st, err := newStep(rec.Entry)
		if err != nil {
			return fmt.Errorf("log %s: entry %d: %w", m.dir.WALDir, next, err)
		}
		select {
		case steps <- st:
			next++
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// newStep decodes an entry. Without data it is the first of a new leader.
func newStep(e *raftpb.Entry) (st step, err error) {
	st.entry = e
	if e.GetType() == raftpb.EntryNormal && len(e.Data) > 0 {
		st.request, err = decode(e.Data)
	}
	return st, err
}
