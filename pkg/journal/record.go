package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Event is what a line of the journal tells.
type Event string

// The events.
const (
	Created   Event = "created"   // the run, with the digest of its plan
	Intent    Event = "intent"    // a step begins, for the first time or again
	Done      Event = "done"      // the step has been done
	Failed    Event = "failed"    // the step could not be done, but may have been in part
	Undoing   Event = "undoing"   // the way back has come to the step
	Undone    Event = "undone"    // it is as it was before the step
	Kept      Event = "kept"      // a file has been copied
	Missing   Event = "missing"   // a member that the run went on without
	Committed Event = "committed" // there is no way back from here
	Finished  Event = "finished"  // the run, one way or the other
)

// Record is a line of the journal.
type Record struct {
	Seq     int       `json:"seq"` // from 1, without a gap
	Time    time.Time `json:"time"`
	Event   Event     `json:"event"`
	Plan    string    `json:"planSHA256,omitempty"` // with Created
	Step    string    `json:"step,omitempty"`
	Error   string    `json:"error,omitempty"`
	Outcome Outcome   `json:"outcome,omitempty"` // with Finished
	File    *File     `json:"file,omitempty"`    // with Kept
	Member  string    `json:"member,omitempty"`  // with Missing
}

// parse reads a journal. good is the length of the lines that count: what follows
// them is the torn end of a write that nobody has relied on.
func parse(text []byte) (records []Record, good int, err error) {
	rest := text
	for {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			return records, good, nil
		}
		r, err := parseLine(line)
		if err != nil {
			if lineIn(after) {
				return nil, 0, fmt.Errorf("%w: line %d of its journal: %w", ErrCorrupt, len(records)+1, err)
			}
			return records, good, nil
		}
		if r.Seq != len(records)+1 {
			return nil, 0, fmt.Errorf("%w: line %d of its journal has the number %d", ErrCorrupt, len(records)+1, r.Seq)
		}
		records = append(records, r)
		rest = after
		good = len(text) - len(after)
	}
}

func parseLine(line []byte) (r Record, err error) {
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, err
	}
	if r.Event == "" {
		return Record{}, fmt.Errorf("no event")
	}
	return r, nil
}

// lineIn reports whether any whole line can be read: then what comes before was
// on disk, and its damage is no torn write.
func lineIn(text []byte) bool {
	for line := range bytes.Lines(text) {
		if _, err := parseLine(line); err == nil && bytes.HasSuffix(line, []byte("\n")) {
			return true
		}
	}
	return false
}
