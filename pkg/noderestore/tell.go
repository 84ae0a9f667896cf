package noderestore

import (
	"errors"
	"fmt"

	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// ErrTooLate is returned for a word that comes when it is decided already.
var ErrTooLate = errors.New("it is too late")

// Tell says a word to a run in the folder at path. That the run has done already what
// the word asks for is well; that it cannot any more is an ErrTooLate. What is said in
// time may still come too late: how the run ends tells.
func Tell(path string, run journal.Summary, word journal.Word) error {
	if run.Err != nil {
		return fmt.Errorf("run %s: %w", run.Name, run.Err)
	}
	s := run.State
	back := s.GoingBack || s.Outcome == journal.RolledBack
	switch word {
	case journal.Go:
		if told, err := journal.Told(path, run.Name, journal.Abort); err != nil {
			return err
		} else if told || back {
			return tooLate(run, "goes back, or has gone")
		}
	case journal.Abort:
		if s.Committed {
			return tooLate(run, "is committed")
		}
	}
	if s.Outcome != "" || back {
		return nil // it is as the word wants it
	}
	return journal.Tell(path, run.Name, word)
}

func tooLate(run journal.Summary, why string) error {
	return hint.New(fmt.Errorf("%w: run %s %s", ErrTooLate, run.Name, why), "how it stands: kubectl etcd-restore node runs %s", run.Name)
}
