// Package progress shows how far long work is. One model counts, and one of
// three renderers draws it: a bar on a terminal, a line every few seconds
// elsewhere, JSON lines for programs.
package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
)

// Mode selects the renderer. It is a flag value.
type Mode string

// The modes of --progress. Auto is Bar on a terminal that can redraw, and Plain elsewhere.
const (
	Auto  Mode = "auto"
	Bar   Mode = "bar"
	Plain Mode = "plain"
	JSON  Mode = "json"
	None  Mode = "none"
)

// Modes lists the modes, for help texts and completion.
func Modes() []string {
	return []string{string(Auto), string(Bar), string(Plain), string(JSON), string(None)}
}

func (m *Mode) String() string { return string(*m) }

// Type names the value in a help text.
func (m *Mode) Type() string { return "mode" }

// Set implements pflag.Value.
func (m *Mode) Set(s string) error {
	for _, known := range Modes() {
		if s == known {
			*m = Mode(s)
			return nil
		}
	}
	return fmt.Errorf("must be one of %s", strings.Join(Modes(), ", "))
}

// On is the mode itself, or what Auto stands for on w.
func (m Mode) On(w io.Writer) Mode {
	switch {
	case m != Auto:
		return m
	case iostreams.Redraws(w):
		return Bar
	}
	return Plain
}

// renderer draws the state of one piece of work.
type renderer interface {
	interval() time.Duration
	draw(s state)
	finish(s state) // the last state, complete or not
}

// Reporter is the model. It satisfies the Progress interfaces that the
// packages below pkg/ declare. Its methods may be called from any goroutine.
type Reporter struct {
	renderer renderer
	now      func() time.Time

	mu   sync.Mutex // guards work
	work *work
}

// work is one piece of work between Start and Finish.
type work struct {
	what  string
	total int64
	start time.Time
	done  atomic.Int64
	stop  chan struct{}
	idle  sync.WaitGroup // the ticker
}

// New returns a reporter that draws on w.
func New(mode Mode, w io.Writer) *Reporter {
	r := &Reporter{now: time.Now}
	switch mode.On(w) {
	case Bar:
		r.renderer = &bar{w: w}
	case JSON:
		r.renderer = &jsonLines{w: w}
	case Plain:
		r.renderer = &plain{w: w}
	default:
		r.renderer = silent{}
	}
	return r
}

// Start begins a piece of work of total bytes, or of unknown size if total is
// not positive. It finishes the piece before, if that is still open.
func (r *Reporter) Start(what string, total int64) {
	r.Finish()
	w := &work{what: what, total: total, start: r.now(), stop: make(chan struct{})}
	r.mu.Lock()
	r.work = w
	r.mu.Unlock()
	w.idle.Go(func() { r.tick(w) })
}

// Add counts n more bytes as done.
func (r *Reporter) Add(n int64) {
	r.mu.Lock()
	w := r.work
	r.mu.Unlock()
	if w != nil {
		w.done.Add(n)
	}
}

// Finish draws the last state and ends the piece of work. Without one it does
// nothing, so it can be deferred beside the regular call.
func (r *Reporter) Finish() {
	r.mu.Lock()
	w := r.work
	r.work = nil
	r.mu.Unlock()
	if w == nil {
		return
	}
	close(w.stop)
	w.idle.Wait()
	r.renderer.finish(r.state(w))
}

func (r *Reporter) tick(w *work) {
	t := time.NewTicker(r.renderer.interval())
	defer t.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-t.C:
			r.renderer.draw(r.state(w))
		}
	}
}

func (r *Reporter) state(w *work) state {
	return state{what: w.what, done: w.done.Load(), total: w.total, elapsed: r.now().Sub(w.start)}
}

// state is the work at one moment.
type state struct {
	what        string
	done, total int64
	elapsed     time.Duration
}

// percent returns 0 to 100, or -1 if the total is unknown.
func (s state) percent() int {
	if s.total <= 0 {
		return -1
	}
	return int(min(100, 100*float64(s.done)/float64(s.total)))
}

// rate is the mean so far in bytes per second.
func (s state) rate() float64 {
	if s.elapsed <= 0 {
		return 0
	}
	return float64(s.done) / s.elapsed.Seconds()
}

// left estimates the time to the end, or is negative if that is unknown.
func (s state) left() time.Duration {
	rate := s.rate()
	if s.total <= 0 || rate <= 0 {
		return -1
	}
	return time.Duration(float64(max(0, s.total-s.done)) / rate * float64(time.Second))
}
