package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/etcd-restore/etcd-restore/pkg/internal/durable"
)

const (
	planFile    = "plan.json"
	journalFile = "journal.jsonl"
	keptDir     = "kept"
)

// Run is a run that this process works on.
type Run struct {
	Name   string
	folder *Folder
	content
	log  *durable.File
	torn bool // the file may be longer than what counts of it
}

// content is what the files of a run say.
type content struct {
	plan    []byte
	records []Record
	size    int64 // of the journal as far as it counts
	state   State
}

// build makes the directory of a run that has only begun.
func (f *Folder) build(dir string, plan []byte) error {
	if err := f.fs.Mkdir(dir); err != nil {
		return err
	}
	if err := f.fs.Mkdir(filepath.Join(dir, keptDir)); err != nil {
		return err
	}
	if err := f.fs.WriteFile(filepath.Join(dir, planFile), plan); err != nil {
		return err
	}
	first, err := line(Record{Seq: 1, Time: f.now().UTC(), Event: Created, Plan: digest(plan)})
	if err != nil {
		return err
	}
	if err := f.fs.WriteFile(filepath.Join(dir, journalFile), first); err != nil {
		return err
	}
	return f.fs.SyncTree(dir)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func line(r Record) ([]byte, error) {
	b, err := json.Marshal(r)
	return append(b, '\n'), err
}

// readRun reads a run and checks that it is what was written.
func readRun(dir string) (content, error) {
	var c content
	text, err := os.ReadFile(filepath.Join(dir, journalFile))
	if err != nil {
		return c, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	records, good, err := parse(text)
	if err != nil {
		return c, err
	}
	if len(records) == 0 {
		return c, fmt.Errorf("%w: its journal is empty", ErrCorrupt)
	}
	c.records, c.size = records, int64(good)
	for _, r := range records {
		if err := c.state.apply(r); err != nil {
			return c, fmt.Errorf("%w: line %d of its journal: %w", ErrCorrupt, r.Seq, err)
		}
	}
	if c.plan, err = os.ReadFile(filepath.Join(dir, planFile)); err != nil {
		return c, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if digest(c.plan) != records[0].Plan {
		return c, fmt.Errorf("%w: its plan is not the one it began with", ErrCorrupt)
	}
	return c, nil
}

func (f *Folder) open(name string) (*Run, error) {
	r := &Run{Name: name, folder: f}
	if _, err := os.Lstat(r.Dir()); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNoRun, name)
	}
	var err error
	if r.content, err = readRun(r.Dir()); err != nil {
		return nil, fmt.Errorf("run %s: %w", name, err)
	}
	if r.log, err = f.fs.Append(filepath.Join(r.Dir(), journalFile)); err != nil {
		return nil, err
	}
	// What was read may not be on disk yet, and the caller relies on it.
	if err := r.log.Sync(); err != nil {
		r.Close()
		return nil, err
	}
	r.torn = true // find out when something is to be written
	return r, nil
}

// Dir is the directory of the run.
func (r *Run) Dir() string { return filepath.Join(r.folder.Path, r.Name) }

// Plan is what the run is to do.
func (r *Run) Plan() []byte { return bytes.Clone(r.plan) }

// State is how far the run has come.
func (r *Run) State() State { return r.state }

// Records are all that happened.
func (r *Run) Records() []Record { return append([]Record(nil), r.records...) }

// Close leaves the run as it is.
func (r *Run) Close() { _ = r.log.Close() }

// Intent says that a step begins.
func (r *Run) Intent(step string) error { return r.append(Record{Event: Intent, Step: step}) }

// Done says that the step has been done.
func (r *Run) Done(step string) error { return r.append(Record{Event: Done, Step: step}) }

// Failed says that the step could not be done, or not be undone.
func (r *Run) Failed(step string, why error) error {
	return r.append(Record{Event: Failed, Step: step, Error: why.Error()})
}

// Undoing says that the way back has come to the step.
func (r *Run) Undoing(step string) error { return r.append(Record{Event: Undoing, Step: step}) }

// Undone says that all is as it was before the step.
func (r *Run) Undone(step string) error { return r.append(Record{Event: Undone, Step: step}) }

// Missing says that the run goes on without a member.
func (r *Run) Missing(member string) error { return r.append(Record{Event: Missing, Member: member}) }

// Commit says that there is no way back from here.
func (r *Run) Commit() error { return r.append(Record{Event: Committed}) }

// Finish ends the run.
func (r *Run) Finish(o Outcome) error { return r.append(Record{Event: Finished, Outcome: o}) }

// append puts a record on disk. If that fails the record does not count, and the
// next one takes its place.
func (r *Run) append(rec Record) error {
	rec.Seq, rec.Time = len(r.records)+1, r.folder.now().UTC()
	next := r.state
	next.Steps = append([]Step(nil), r.state.Steps...)
	if err := next.apply(rec); err != nil {
		return err
	}
	text, err := line(rec)
	if err != nil {
		return err
	}
	if err := r.write(text); err != nil {
		return fmt.Errorf("journal of run %s: %w", r.Name, err)
	}
	r.records, r.state, r.size = append(r.records, rec), next, r.size+int64(len(text))
	return nil
}

func (r *Run) write(text []byte) error {
	if r.torn {
		info, err := r.log.Stat()
		if err != nil {
			return err
		}
		if info.Size() != r.size {
			if err := r.log.Truncate(r.size); err != nil {
				return err
			}
		}
	}
	r.torn = true
	if _, err := r.log.Write(text); err != nil {
		return err
	}
	if err := r.log.Sync(); err != nil {
		return err
	}
	r.torn = false
	return nil
}
