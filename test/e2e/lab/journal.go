package lab

import (
	"encoding/json"
	"path/filepath"
	"strings"

	"github.com/etcd-restore/etcd-restore/test/etcdtest"
)

// Line is a line of a run's journal, as far as a test looks at it.
type Line struct {
	Seq     int    `json:"seq"`
	Event   string `json:"event"`
	Step    string `json:"step"`
	Outcome string `json:"outcome"`
	Error   string `json:"error"`
}

// Phase is the first part of the step's name.
func (l Line) Phase() string {
	phase, _, _ := strings.Cut(l.Step, "/")
	return phase
}

// String is how a test names the line.
func (l Line) String() string {
	if l.Step == "" {
		return l.Event
	}
	return l.Step + " " + l.Event
}

// Journal reads the journal of a run from the node's disk; "" is the last run.
func (n *Node) Journal(t etcdtest.T, run string) []Line {
	t.Helper()
	if run == "" {
		runs := n.Runs(t)
		if len(runs) == 0 {
			t.Fatalf("%s has no run", n.Name)
		}
		run = runs[len(runs)-1]
	}
	var lines []Line
	for text := range strings.Lines(string(n.Read(t, filepath.Join(RunsDir, run, "journal.jsonl")))) {
		var l Line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("journal of %s: %q: %v", run, text, err)
		}
		lines = append(lines, l)
	}
	return lines
}
