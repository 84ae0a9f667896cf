package progress

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/etcd-restore/etcd-restore/plugins/internal/iostreams"
	"github.com/etcd-restore/etcd-restore/plugins/internal/output"
)

// bar redraws one line of a terminal. It is plain ASCII: the day it is needed,
// the terminal may be a serial console.
type bar struct{ w io.Writer }

func (b *bar) interval() time.Duration { return 200 * time.Millisecond }

func (b *bar) draw(s state) { fmt.Fprintf(b.w, "\r\x1b[K%s", b.line(s)) }

// finish leaves the line of what is complete. Work may end short of its total, because it
// failed or because there was less to do: whoever knows says so below, where a bar that
// stands half-way would tell of work that goes on. Nothing is said of what was over before
// its first line.
func (b *bar) finish(s state) {
	if s.elapsed < b.interval() {
		return
	}
	fmt.Fprint(b.w, "\r\x1b[K")
	if s.done >= s.total {
		fmt.Fprintln(b.w, b.line(s))
	}
}

func (b *bar) line(s state) string {
	width := iostreams.Width(b.w, 80) - 1 // a full last column would wrap
	text := output.Clean(s.what) + "  " + s.figures()
	room := min(30, width-len(text)-4)
	if s.total <= 0 || room < 5 {
		return text[:min(len(text), width)]
	}
	filled := room * s.percent() / 100
	return fmt.Sprintf("%s  [%s%s]", text, strings.Repeat("=", filled), strings.Repeat(" ", room-filled))
}

// plain writes a whole line now and then, for logs and pipes.
type plain struct{ w io.Writer }

func (p *plain) interval() time.Duration { return 5 * time.Second }

func (p *plain) draw(s state) { fmt.Fprintf(p.w, "%s  %s\n", output.Clean(s.what), s.figures()) }

// finish says nothing of work that was over before its first line.
func (p *plain) finish(s state) {
	if s.elapsed >= p.interval() {
		p.draw(s)
	}
}

// jsonLines writes one JSON object a line, for programs.
type jsonLines struct{ w io.Writer }

// statusLine is the form of a line. Sizes are bytes.
type statusLine struct {
	MessageType    string  `json:"message_type"` // status, or finished for the last
	What           string  `json:"what"`
	Done           int64   `json:"done"`
	Total          int64   `json:"total,omitempty"`
	BytesPerSecond int64   `json:"bytes_per_second"`
	Elapsed        float64 `json:"elapsed_seconds"`
	Left           float64 `json:"left_seconds,omitempty"`
}

func (j *jsonLines) interval() time.Duration { return time.Second }

func (j *jsonLines) draw(s state) { j.write("status", s) }

func (j *jsonLines) finish(s state) { j.write("finished", s) }

func (j *jsonLines) write(messageType string, s state) {
	// Progress that cannot be written is no reason to fail the work.
	_ = json.NewEncoder(j.w).Encode(statusLine{
		MessageType:    messageType,
		What:           s.what,
		Done:           s.done,
		Total:          max(0, s.total),
		BytesPerSecond: int64(s.rate()),
		Elapsed:        s.elapsed.Round(time.Millisecond).Seconds(),
		Left:           max(0, s.left()).Round(time.Millisecond).Seconds(),
	})
}

// silent draws nothing.
type silent struct{}

func (silent) interval() time.Duration { return time.Hour }
func (silent) draw(state)              {}
func (silent) finish(state)            {}

// figures is the state in words: "45%  471 MB/1.0 GB  230 MB/s  2s left".
func (s state) figures() string {
	rate := output.Size(int64(s.rate())) + "/s"
	switch {
	case s.total <= 0:
		return fmt.Sprintf("%s  %s", output.Size(s.done), rate)
	case s.done >= s.total:
		return fmt.Sprintf("100%%  %s  %s  in %s", output.Size(s.done), rate, round(s.elapsed))
	case s.left() < 0:
		return fmt.Sprintf("%3d%%  %s/%s", s.percent(), output.Size(s.done), output.Size(s.total))
	default:
		return fmt.Sprintf("%3d%%  %s/%s  %s  %s left",
			s.percent(), output.Size(s.done), output.Size(s.total), rate, round(s.left()))
	}
}

func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
