package journal

import (
	"context"
	"os"
	"path/filepath"
	"time"
)

// lookAgain is how often a journal is looked at that is followed.
const lookAgain = 100 * time.Millisecond

// Follow tells of all that has happened in a run, and goes on to tell as it happens,
// until the run is finished, no process works in the folder at path, tell fails or ctx
// ends. It needs no lock. The Summary is of the end, as is whether a process is at work.
func Follow(ctx context.Context, path, name string, tell func(Record) error) (s Summary, busy bool, err error) {
	s, told, size := Summary{Name: name}, 0, int64(-1)
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		busy = Busy(path) // before the journal: who has left has written all
		if now := sizeOf(filepath.Join(path, name, journalFile)); now != size || !busy {
			content, err := readRun(filepath.Join(path, name))
			if err != nil {
				s.Err = err
				return s, busy, err
			}
			s.State, s.Records, s.Plan, size = content.state, content.records, content.plan, now
		}
		for ; told < len(s.Records); told++ {
			if err := tell(s.Records[told]); err != nil {
				return s, busy, err
			}
		}
		if s.State.Outcome != "" || !busy {
			return s, busy, nil
		}
		select {
		case <-ctx.Done():
			return s, busy, ctx.Err()
		case <-tick.C:
		}
	}
}

// sizeOf is the size of a file, -1 if it has none that can be told.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}
