package etcdrestore

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
	"github.com/etcd-restore/etcd-restore/plugins/internal/progress"
)

// steps shows the steps of a run as they begin and end, and the bytes of those that
// copy.
type steps struct {
	*progress.Reporter
	w     io.Writer
	draw  func(stepLine)
	begun time.Time
}

// stepLine is a step that begins or has ended, as --progress=json shows it.
type stepLine struct {
	MessageType string  `json:"message_type"` // step
	Phase       string  `json:"phase"`
	Step        string  `json:"step"`
	Event       string  `json:"event"` // begin, done, undoing, undone, failed
	Seconds     float64 `json:"elapsed_seconds,omitempty"`
	Error       string  `json:"error,omitempty"`
}

func newSteps(o *Options, streams Streams) *steps {
	s := &steps{Reporter: o.Reporter(streams), w: streams.ErrOut}
	switch o.Progress.On(streams.ErrOut) {
	case progress.JSON:
		s.draw = s.drawJSON
	case progress.Bar:
		s.draw = s.drawLine
	case progress.None:
		s.draw = func(stepLine) {}
	default:
		s.draw = s.drawPlain
	}
	return s
}

// Begin implements workflow.Progress.
func (s *steps) Begin(phase, step string, undo bool) {
	s.begun = time.Now()
	event := "begin"
	if undo {
		event = "undoing"
	}
	s.draw(stepLine{MessageType: "step", Phase: phase, Step: step, Event: event})
}

// End implements workflow.Progress.
func (s *steps) End(phase, step string, undo bool, err error) {
	s.Finish() // the bytes, if there were any
	line := stepLine{MessageType: "step", Phase: phase, Step: step, Event: "done", Seconds: time.Since(s.begun).Seconds()}
	switch {
	case err != nil:
		line.Event, line.Error = "failed", err.Error()
	case undo:
		line.Event = "undone"
	}
	s.draw(line)
}

func (s *steps) drawJSON(l stepLine) {
	// Progress that cannot be written is no reason to fail the work.
	_ = json.NewEncoder(s.w).Encode(l)
}

// drawPlain has a line for what has ended: nothing takes so long that a log would
// want to know of its beginning, but copying, which has lines of its own.
func (s *steps) drawPlain(l stepLine) {
	if l.ended() {
		fmt.Fprintln(s.w, l.text())
	}
}

// drawLine shows on a terminal what is being done, and in its place what became of it.
func (s *steps) drawLine(l stepLine) {
	fmt.Fprintf(s.w, "\r\x1b[K%s", l.text())
	if l.ended() {
		fmt.Fprintln(s.w)
	}
}

func (l stepLine) ended() bool { return l.Event != "begin" && l.Event != "undoing" }

func (l stepLine) text() string {
	name := output.Clean(l.Phase + "/" + l.Step) // it may come from another node
	switch {
	case !l.ended():
		return fmt.Sprintf("%-9s %s ...", map[string]string{"begin": "", "undoing": "undoing"}[l.Event], name)
	case l.Error != "":
		return fmt.Sprintf("%-9s %-30s %5.1fs  %s", l.Event, name, l.Seconds, output.Clean(l.Error))
	default:
		return fmt.Sprintf("%-9s %-30s %5.1fs", l.Event, name, l.Seconds)
	}
}
