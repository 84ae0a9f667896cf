package preflight

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
	"github.com/etcd-restore/etcd-restore/pkg/internal/hint"
	"github.com/etcd-restore/etcd-restore/pkg/journal"
)

// isPrivilegedUser wants root: everything that a restore touches is root's.
func (s *subject) isPrivilegedUser(context.Context) []Finding {
	if s.Facts.Root {
		return nil
	}
	return bad(hint.New(fmt.Errorf("%w: manifests, certificates and data of a control plane belong to root, and you are not", ErrNode), "run it with sudo"))
}

// noRunInProgress wants the node for itself.
func (s *subject) noRunInProgress(context.Context) []Finding {
	runs := s.Facts.Runs
	const look = "look at it: ls -la %s"
	if runs.Err != nil {
		return bad(or(runs.Err, look, hint.Path(runs.Path)))
	}
	var found []Finding
	if !s.HoldsLock {
		if err := busy(runs.Path); err != nil {
			found = bad(or(err, look, hint.Path(runs.Path)))
		}
	}
	for _, r := range runs.Runs {
		switch {
		case r.Err != nil:
			found = append(found, bad(hint.New(fmt.Errorf("%w: %s: %w", journal.ErrUnfinished, r.Name, r.Err),
				"look into %s/%s; when all of it is understood, move it away", runs.Path, r.Name))...)
		case r.State.Outcome == "" && (r.State.Committed || r.State.GoingBack):
			verb := "resume"
			if r.State.GoingBack {
				verb = "rollback"
			}
			found = append(found, bad(hint.New(fmt.Errorf("%w: %s", journal.ErrUnfinished, r.Name), "kubectl etcd-restore node %s %s", verb, r.Name))...)
		case r.State.Outcome == "":
			found = append(found, bad(hint.New(fmt.Errorf("%w: %s", journal.ErrUnfinished, r.Name),
				"go on with it, or go back: kubectl etcd-restore node resume %s, or kubectl etcd-restore node rollback %s", r.Name, r.Name))...)
		}
	}
	return found
}

// busy fails if a process works in the folder of the runs.
func busy(folder string) error {
	dir, err := durable.OpenOwnDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("%w: %w", journal.ErrFolder, err)
	}
	defer dir.Close()
	if durable.Locked(dir) {
		return hint.New(fmt.Errorf("%w in %s", journal.ErrLocked, folder), "wait for it, or look for it: fuser -v %s", hint.Path(folder))
	}
	return nil
}

// leeway is how far two clocks may be apart.
const leeway = 5 * time.Minute

// clock looks for signs of a clock that is behind: certificates that are not in
// force yet, a snapshot from the future. The new revision may be made of the time.
func (s *subject) clock(context.Context) (found []Finding) {
	now := s.Facts.Time
	const remedy = "compare with another machine: date -u; then chronyc makestep, or whatever sets the clock"
	for _, c := range s.Facts.Certificates {
		if c.Certificate != nil && now.Before(c.Certificate.Leaf.NotBefore) {
			found = append(found, warn(hint.New(fmt.Errorf("the clock says %s, and certificate %s begins on %s", stamp(now), c.Cert, stamp(c.Certificate.Leaf.NotBefore)), remedy))...)
		}
	}
	if s.Snapshot.Elsewhere {
		return found
	}
	if info, err := os.Stat(s.Snapshot.Path); err == nil && info.ModTime().After(now.Add(leeway)) {
		found = append(found, warn(hint.New(fmt.Errorf("the clock says %s, and snapshot %s is from %s", stamp(now), s.Snapshot.Path, stamp(info.ModTime())), remedy))...)
	}
	return found
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
